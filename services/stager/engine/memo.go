package engine

import (
	"hash/maphash"
	"math"
)

// memo caches the result of each raw value of one column, so that a repeated value is cleaned, cast and checked once:
// most columns of open data repeat. One worker owns it. Invariant: the number of an outcome, its content and its place
// in data never change.
type memo struct {
	slots    []slot
	data     []byte    // raw values and their results; see outcome
	outcomes []outcome // indexed by number - 1
	bad      map[uint32]*rejection
	folders  map[uint32]folder
	asked    int
	off      bool // the column's values do not repeat: caching is off
}

// outcome locates a raw value in data and, behind it, its result: the hashed form, and the payload. They are
// adjacent so that a lookup touches as little memory as possible.
type outcome struct {
	at           uint32
	raw, hashed  uint16 // bytes
	payload      uint16 // bytes
	null, failed bool
	defaulted    bool
}

// slot maps a hash to a number; number 0 marks a free slot.
type slot struct{ hash, number uint32 }

const (
	maxMemoOutcomes = 1 << 16 // outcomes per column
	maxMemoValue    = 256     // bytes of a raw value; a longer one is not cached
	memoOverhead    = 64      // bytes per outcome besides data
)

// seed randomises hash tables per process. No output depends on the position of an entry.
var seed = maphash.MakeSeed()

// find returns the number of a raw value, or 0.
func (m *memo) find(raw []byte, hash uint32) uint32 {
	if len(m.slots) == 0 {
		return 0
	}
	mask := uint32(len(m.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := m.slots[i]
		if s.number == 0 {
			return 0
		}
		if s.hash == hash {
			if o := &m.outcomes[s.number-1]; int(o.raw) == len(raw) && string(m.data[o.at:o.at+uint32(o.raw)]) == string(raw) {
				return s.number
			}
		}
	}
}

// first returns the number in the first slot to search for a hash; 0 if the memo is empty.
func (m *memo) first(hash uint32) uint32 {
	if len(m.slots) == 0 {
		return 0
	}
	return m.slots[hash&uint32(len(m.slots)-1)].number
}

// add stores the result of a raw value and returns its number, or 0 if the result is too long to store.
func (m *memo) add(raw []byte, c *cell, bad *rejection, hash uint32) uint32 {
	if bad == nil && (len(c.hashed) > math.MaxUint16 || len(c.payload) > math.MaxUint16) {
		return 0 // a default may be long
	}
	o := outcome{at: uint32(len(m.data)), raw: uint16(len(raw)), failed: bad != nil}
	number := uint32(len(m.outcomes) + 1)
	m.data = append(m.data, raw...)
	if bad != nil {
		if m.bad == nil {
			m.bad = map[uint32]*rejection{}
		}
		m.bad[number] = bad
	} else {
		o.hashed, o.payload, o.null = uint16(len(c.hashed)), uint16(len(c.payload)), c.null
		o.defaulted = c.defaulted
		m.data = append(append(m.data, c.hashed...), c.payload...)
		if c.folder.name != "" {
			if m.folders == nil {
				m.folders = map[uint32]folder{}
			}
			m.folders[number] = c.folder
		}
	}
	m.outcomes = append(m.outcomes, o)
	m.slots = insert(m.slots, slot{hash, number}, len(m.outcomes))
	return number
}

// size returns the approximate memory of the memo.
func (m *memo) size() int { return len(m.data) + memoOverhead*len(m.outcomes) }

// recall sets c to the result with the given number.
func (m *memo) recall(number uint32, c *cell) {
	o := &m.outcomes[number-1]
	from := o.at + uint32(o.raw)
	c.defaulted = o.defaulted
	c.null, c.hashed, c.payload = o.null, m.data[from:from+uint32(o.hashed)], m.payload(number)
}

// payload returns the payload of a number.
func (m *memo) payload(number uint32) []byte {
	o := &m.outcomes[number-1]
	from := o.at + uint32(o.raw) + uint32(o.hashed)
	return m.data[from : from+uint32(o.payload)]
}

// mostlyDistinct reports whether too many of the values are distinct to cache them: 15 of 16 after some thousands of
// values, half after some tens of thousands.
func mostlyDistinct(values, distinct int64) bool {
	return values >= 4<<10 && distinct > values-values/16 || values >= 64<<10 && distinct > values/2
}

// insert adds s, the n-th entry, to an open-addressing table of slots and grows the table when it is more than half
// full.
func insert(slots []slot, s slot, n int) []slot {
	if 2*n > len(slots) {
		larger := make([]slot, max(64, 2*len(slots)))
		for _, old := range slots {
			if old.number != 0 {
				place(larger, old)
			}
		}
		slots = larger
	}
	place(slots, s)
	return slots
}

func place(slots []slot, s slot) {
	mask := uint32(len(slots) - 1)
	i := s.hash & mask
	for slots[i].number != 0 {
		i = (i + 1) & mask
	}
	slots[i] = s
}

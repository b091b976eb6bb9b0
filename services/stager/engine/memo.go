package engine

import (
	"hash/maphash"
	"math"
)

// memo remembers what became of the raw values of one column, so that a value that comes again is cleaned, cast and
// checked once: most columns of open data repeat. It belongs to one worker. Invariant: an outcome's number never
// changes, and neither what is at a number nor where it lies.
type memo struct {
	slots    []slot
	data     []byte    // raw values and what became of them: see outcome
	outcomes []outcome // by number - 1
	bad      map[uint32]*rejection
	folders  map[uint32]folder
	asked    int
	off      bool // the column's values do not repeat: nothing is remembered any more
}

// outcome is where in data a raw value lies that the memo knows, and behind it what it became: the bytes that go into the
// row's hash, and the payload. All of it lies together, so that finding it touches as little memory as may be.
type outcome struct {
	at           uint32
	raw, hashed  uint16 // bytes
	payload      uint16 // bytes
	null, failed bool
}

// slot leads from a hash to a number; number 0 is free.
type slot struct{ hash, number uint32 }

const (
	memoMost  = 1 << 16 // outcomes of one column
	memoLarge = 256     // a raw value longer than this is not remembered
	memoEach  = 64      // bytes that an outcome takes besides data
)

// seed makes hash tables differ from process to process. No output depends on where an entry lies in one.
var seed = maphash.MakeSeed()

// find answers the number of a raw value, or 0.
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

// first answers the number in the slot where a hash is looked for first; 0 in an empty memo.
func (m *memo) first(hash uint32) uint32 {
	if len(m.slots) == 0 {
		return 0
	}
	return m.slots[hash&uint32(len(m.slots)-1)].number
}

// add remembers what a raw value becomes and answers the number of it, or 0 if that is too long to remember.
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

// size is the memory that the memo takes, about.
func (m *memo) size() int { return len(m.data) + memoEach*len(m.outcomes) }

// recall makes c what a number stands for.
func (m *memo) recall(number uint32, c *cell) {
	o := &m.outcomes[number-1]
	from := o.at + uint32(o.raw)
	c.null, c.hashed, c.payload = o.null, m.data[from:from+uint32(o.hashed)], m.payload(number)
}

// payload answers the payload of a number.
func (m *memo) payload(number uint32) []byte {
	o := &m.outcomes[number-1]
	from := o.at + uint32(o.raw) + uint32(o.hashed)
	return m.data[from : from+uint32(o.payload)]
}

// hardlyRepeats says whether of so many values so many distinct ones are too many to remember: nearly all of the first
// thousands, or half of the first tens of thousands.
func hardlyRepeats(values, distinct int64) bool {
	return values >= 4<<10 && distinct > values-values/16 || values >= 64<<10 && distinct > values/2
}

// insert puts s, the n-th entry, into an open-addressing table of slots, growing it when it is more than half full.
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

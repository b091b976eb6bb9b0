package engine

import (
	"bytes"
	"hash/maphash"
)

// memo remembers what became of the raw values of one column, so that a value that comes again is cleaned, cast and
// checked once: most columns of open data repeat. It belongs to one worker. Invariant: an outcome's number never
// changes, and what is at a number never does.
type memo struct {
	slots    []slot
	outcomes []outcome
	texts    arena
	asked    int
	off      bool // the column's values do not repeat: nothing is remembered any more
}

// outcome is what a raw value becomes: a cell, or the reason why its row is quarantined.
type outcome struct {
	raw []byte
	cell
	bad *rejection
}

// slot leads from a hash to a number; number 0 is free.
type slot struct{ hash, number uint32 }

const (
	memoTrial = 4096     // values after which a column has to have shown that it repeats
	memoMost  = 1 << 16  // outcomes of one column
	memoBytes = 24 << 20 // of all memos of a worker
	memoLarge = 256      // a raw value longer than this is not remembered
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
		if s.hash == hash && bytes.Equal(m.outcomes[s.number-1].raw, raw) {
			return s.number
		}
	}
}

// add remembers an outcome and answers its number. What the outcome points to must live in m.texts.
func (m *memo) add(o outcome, hash uint32) uint32 {
	m.outcomes = append(m.outcomes, o)
	number := uint32(len(m.outcomes))
	m.slots = insert(m.slots, slot{hash, number}, len(m.outcomes))
	return number
}

// doubtful says whether the column has been tried long enough to see that its values hardly repeat.
func (m *memo) doubtful() bool {
	return m.asked >= memoTrial && len(m.outcomes) > m.asked/2
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

package engine

import (
	"github.com/llac-project/llac/platform/contract"
)

// position is where a row stands in the run.
type position struct {
	page uint32
	row  uint32 // source.Row.Index
}

// place is where a staged row is kept.
type place struct {
	partition uint32
	row       uint32
}

// verdict says what to do with a row that has passed.
type verdict int

const (
	keep      verdict = iota // stage it
	drop                     // not staged now: a duplicate, or one more row of a key in conflict
	supersede                // stage it, and take back the row staged before it
)

// dedup remembers every key of a run. Rows of one key that are identical are duplicates; what differing ones are, the
// contract says. Memory: 24 bytes a key, and 8 a repeated row.
type dedup struct {
	policy contract.KeyConflict
	staged map[digest]place
	later  map[digest][]position // QuarantineConflicts: the rows of a key after its first
	clash  map[digest]bool       // QuarantineConflicts: keys whose rows differ
	copies int64                 // LatestWins: rows given up for another
}

func newDedup(policy contract.KeyConflict) *dedup {
	return &dedup{policy: policy, staged: map[digest]place{}, later: map[digest][]position{}, clash: map[digest]bool{}}
}

// see decides about a row by its key. at is where the row will be kept if it is staged; was is where the row is kept
// that it repeats. same compares it with that one.
func (d *dedup) see(key digest, at place, here position, same func(place) bool) (v verdict, was place) {
	was, known := d.staged[key]
	switch {
	case !known:
		d.staged[key] = at
		return keep, was
	case d.policy == contract.LatestWins:
		d.copies++
		d.staged[key] = at
		return supersede, was
	case !same(was):
		d.clash[key] = true
	}
	// Whether this row is a duplicate or in conflict is known only after the last page: A, A, B is three rows in
	// conflict whatever their order.
	d.later[key] = append(d.later[key], here)
	return drop, was
}

// duplicates counts the rows that are duplicates, once every row has been seen.
func (d *dedup) duplicates() int64 {
	n := d.copies
	for key, rows := range d.later {
		if !d.clash[key] {
			n += int64(len(rows))
		}
	}
	return n
}

package engine

import (
	"bytes"
	"hash/maphash"
)

// dictionary numbers the distinct values of one column, from 1 in the order of their first row; 0 is null. It lives as
// long as the job, and every row group selects the values that it uses. Invariant: a value's number never changes, and
// whether the dictionary is still used depends on the values and their order alone (invariant 6).
type dictionary struct {
	slots  []slot
	values [][]byte // payloads, indexed by number - 1
	texts  arena
	plain  bool // the dictionary was dropped: from now on the column's values are stored as they are
}

// Limits of a dictionary. All columns of a job share maxDictionariesBytes.
const (
	maxDictionaryValues  = 1 << 16 // values of one column
	maxDictionaryBytes   = 2 << 20 // bytes of one column
	maxDictionariesBytes = 16 << 20
	dictionaryOverhead   = 64 // bytes per value besides its payload
)

// number returns the number of a value and assigns one to a new value. It returns 0 when the dictionary is full or the
// values rarely repeat; the caller then drops the dictionary. rows is the number of rows that the job has staged so
// far; shared counts the bytes of all its dictionaries.
func (d *dictionary) number(payload []byte, rows int64, shared *int) uint32 {
	hash := uint32(maphash.Bytes(seed, payload))
	if len(d.slots) > 0 {
		mask := uint32(len(d.slots) - 1)
		for i := hash & mask; d.slots[i].number != 0; i = (i + 1) & mask {
			if s := d.slots[i]; s.hash == hash && bytes.Equal(d.values[s.number-1], payload) {
				return s.number
			}
		}
	}
	cost := len(payload) + dictionaryOverhead
	if len(d.values) >= maxDictionaryValues || d.texts.size+len(payload) > maxDictionaryBytes || *shared+cost > maxDictionariesBytes ||
		mostlyDistinct(rows, int64(len(d.values))) {
		return 0
	}
	*shared += cost
	d.values = append(d.values, d.texts.keep(payload))
	number := uint32(len(d.values))
	d.slots = insert(d.slots, slot{hash, number}, len(d.values))
	return number
}

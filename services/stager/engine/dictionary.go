package engine

import (
	"bytes"
	"hash/maphash"
)

// dictionary numbers the distinct values of one column, from 1 in the order of their first row; 0 is null. It lives as
// long as the job, and every row group picks from it the values that it uses. Invariant: a value's number never changes,
// and whether the dictionary is still kept depends on the values and their order alone (invariant 6).
type dictionary struct {
	slots  []slot
	values [][]byte // payloads, by number - 1
	texts  arena
	plain  bool // given up: the column's values are written as they are from now on
}

// What a dictionary may hold. All columns of a job share dictionaryBytes.
const (
	dictionaryMost   = 1 << 16 // values of one column
	dictionaryLarge  = 2 << 20 // bytes of one column
	dictionaryBytes  = 16 << 20
	dictionaryPerKey = 64 // bytes a value costs besides its own
)

// number answers the number of a value, which it gets if it has none. 0: the dictionary holds what it may, or the values
// hardly repeat; the caller gives the dictionary up. rows is how many the job has staged so far; shared counts the bytes
// of all its dictionaries.
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
	cost := len(payload) + dictionaryPerKey
	if len(d.values) >= dictionaryMost || d.texts.size+len(payload) > dictionaryLarge || *shared+cost > dictionaryBytes ||
		hardlyRepeats(rows, int64(len(d.values))) {
		return 0
	}
	*shared += cost
	d.values = append(d.values, d.texts.keep(payload))
	number := uint32(len(d.values))
	d.slots = insert(d.slots, slot{hash, number}, len(d.values))
	return number
}

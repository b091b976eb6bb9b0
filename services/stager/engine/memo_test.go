package engine

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"testing"
)

// TestMemoNumbersAreStable checks that a number keeps its result as long as the memo lives, also in copies of the memo
// that batches hold.
func TestMemoNumbersAreStable(t *testing.T) {
	t.Parallel()
	type became struct {
		cell cell
		bad  *rejection
	}
	r := rand.New(rand.NewPCG(6, 6))
	var m memo
	var before []memo // copies, as batches hold them
	want := map[string]became{}
	numbers := map[string]uint32{}
	for i := range 20_000 {
		raw := fmt.Appendf(nil, "%d", r.IntN(5000))
		hash := uint32(maphash.Bytes(seed, raw)) % 1000 // few hashes, so that many raw values share one
		number := m.find(raw, hash)
		if number != numbers[string(raw)] {
			t.Fatalf("%s is number %d, was %d", raw, number, numbers[string(raw)])
		}
		if number == 0 {
			b := became{cell: cell{payload: fmt.Append(nil, "payload ", i), hashed: fmt.Append(nil, "hashed ", i)}}
			switch r.IntN(5) {
			case 0:
				b.cell = cell{null: true, hashed: []byte{0}}
			case 1:
				b = became{bad: &rejection{code: BadInteger}}
			case 2:
				b.cell.folder = folder{name: fmt.Sprint("folder ", i), safe: i%2 == 0}
			}
			number = m.add(raw, &b.cell, b.bad, hash)
			numbers[string(raw)], want[string(raw)] = number, b
			clear(raw) // the page buffer is reused
		}
		if i%500 == 0 {
			before = append(before, m)
		}
	}
	for _, m := range append(before, m) {
		for raw, number := range numbers {
			if int(number) > len(m.outcomes) {
				continue
			}
			w := want[raw]
			if o := m.outcomes[number-1]; o.failed != (w.bad != nil) || o.failed && m.bad[number] != w.bad {
				t.Fatalf("%s: failed %t, want %v", raw, o.failed, w.bad)
			} else if o.failed {
				continue
			}
			var got cell
			m.recall(number, &got)
			if got.null != w.cell.null || !bytes.Equal(got.payload, w.cell.payload) || !bytes.Equal(got.hashed, w.cell.hashed) ||
				!bytes.Equal(m.payload(number), w.cell.payload) || m.folders[number] != w.cell.folder {
				t.Fatalf("%s: got %+v, want %+v", raw, got, w.cell)
			}
		}
	}
}

// TestDictionaryNumbersAreStable checks that a value's number never changes and that a full dictionary accepts no
// value.
func TestDictionaryNumbersAreStable(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	var d dictionary
	shared, numbers := 0, map[string]uint32{}
	for row := range int64(40_000) {
		payload := fmt.Appendf(nil, "value %d", r.IntN(3000))
		number := d.number(payload, row, &shared)
		if before, ok := numbers[string(payload)]; ok && number != before || !ok && int(number) != len(numbers)+1 {
			t.Fatalf("row %d: %s has number %d, was %d of %d", row, payload, number, before, len(numbers))
		}
		numbers[string(payload)] = number
		clear(payload)
	}
	for value, number := range numbers {
		if string(d.values[number-1]) != value {
			t.Fatalf("number %d is %s, want %s", number, d.values[number-1], value)
		}
	}
	full := maxDictionariesBytes
	if n := d.number([]byte("one more"), 40_000, &full); n != 0 {
		t.Errorf("a full dictionary takes one more value, as number %d", n)
	}
	if n := d.number(make([]byte, maxDictionaryBytes+1), 40_000, &shared); n != 0 {
		t.Errorf("a dictionary takes %d bytes, as number %d", maxDictionaryBytes+1, n)
	}
	if n := d.number([]byte("one more"), 2*int64(len(d.values))-1+64<<10, &shared); n == 0 {
		t.Error("a dictionary whose values repeat rejects a new value")
	}
	for i := len(d.values); i < maxDictionaryValues; i++ {
		if d.number(fmt.Append(nil, "more ", i), 1<<30, &shared) == 0 {
			break // full by bytes
		}
	}
	if n := d.number([]byte("the last straw"), 1<<30, &shared); n != 0 {
		t.Errorf("a dictionary of %d values and %d bytes takes one more", len(d.values)-1, d.texts.size)
	}
	if n := d.number(d.values[0], 1<<30, &full); n != 1 {
		t.Errorf("a known value has number %d in a full dictionary, want 1", n)
	}
}

// TestMemoIgnoresLongValues checks that a result that is too long is never stored.
func TestMemoIgnoresLongValues(t *testing.T) {
	t.Parallel()
	var m memo
	long := &cell{payload: make([]byte, 1<<16), hashed: make([]byte, 1<<16)}
	for range 3 {
		if n := m.add([]byte("null"), long, nil, 1); n != 0 || m.size() != 0 {
			t.Fatalf("number %d, %d bytes stored", n, m.size())
		}
	}
}

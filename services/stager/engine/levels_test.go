package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// readHybrid decodes n numbers of width bits according to the Parquet specification of the hybrid encoding, and counts
// its runs and packed pieces.
func readHybrid(b []byte, n, width int) (values []uint32, runs, pieces int, err error) {
	for len(values) < n {
		header, size := binary.Uvarint(b)
		if size <= 0 {
			return nil, 0, 0, fmt.Errorf("no header after %d values", len(values))
		}
		b = b[size:]
		if header&1 == 0 {
			runs++
			size, times := (width+7)/8, int(header>>1)
			if len(b) < size || times == 0 || len(values)+times > n {
				return nil, 0, 0, fmt.Errorf("a run of %d after %d values", times, len(values))
			}
			var v uint32
			for i, c := range b[:size] {
				v |= uint32(c) << (8 * i)
			}
			values, b = append(values, slices.Repeat([]uint32{v}, times)...), b[size:]
			continue
		}
		pieces++
		count := int(header>>1) * 8
		if len(b) < count*width/8 {
			return nil, 0, 0, fmt.Errorf("%d packed values in %d bytes", count, len(b))
		}
		for i := range count {
			var v uint32
			for bit := range width {
				at := i*width + bit
				v |= uint32(b[at/8]>>(at%8)&1) << bit
			}
			values = append(values, v)
		}
		b = b[count*width/8:]
	}
	if len(b) > 0 || slices.ContainsFunc(values[n:], func(v uint32) bool { return v != 0 }) || len(values) > n+7 {
		return nil, 0, 0, fmt.Errorf("%d bytes and the values %v are left over", len(b), values[n:])
	}
	return values[:n], runs, pieces, nil
}

func wantHybrid(t *testing.T, values []uint32, width int) (runs, pieces int) {
	t.Helper()
	b := appendHybrid([]byte("before"), values, width)
	got, runs, pieces, err := readHybrid(bytes.TrimPrefix(b, []byte("before")), len(values), width)
	if err != nil || !slices.Equal(got, values) {
		t.Fatalf("width %d: %v reads as %v (%v)", width, values, got, err)
	}
	return runs, pieces
}

// TestHybrid encodes runs of every length, at every position in a packed group, in every width.
func TestHybrid(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	for width := 1; width <= 32; width++ {
		some := func() uint32 { return r.Uint32() >> (32 - width) }
		wantHybrid(t, nil, width)
		for length := 1; length <= 40; length++ {
			run := slices.Repeat([]uint32{some()}, length)
			runs, pieces := wantHybrid(t, run, width)
			if short := length < 8; short != (runs == 0) || short != (pieces == 1) {
				t.Errorf("width %d: %d equal values are encoded as %d runs and %d packed pieces", width, length, runs, pieces)
			}
			for before := range 10 {
				var values []uint32
				for i := range before {
					values = append(values, uint32(i%2)^run[0]&1) // without runs
				}
				wantHybrid(t, slices.Concat(values, run), width)
				wantHybrid(t, slices.Concat(values, run, []uint32{some(), some()}), width)
			}
		}
		for range 30 {
			var values []uint32
			for range r.IntN(30) {
				values = append(values, slices.Repeat([]uint32{some()}, 1+r.IntN(1+r.IntN(40)))...)
			}
			wantHybrid(t, values, width)
		}
	}
}

// TestDelta decodes DELTA_BINARY_PACKED according to the Parquet specification.
func TestDelta(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	for _, n := range []int{0, 1, 2, 31, 32, 33, 34, 127, 128, 129, 130, 256, 257, 5000} {
		for name, next := range map[string]func(before uint32) uint32{
			"equal": func(uint32) uint32 { return 7 }, "ascending": func(before uint32) uint32 { return before + 1 },
			"gaps": func(before uint32) uint32 { return before + r.Uint32N(40) }, "any": func(uint32) uint32 { return r.Uint32() },
			"extremes": func(before uint32) uint32 { return ^before },
		} {
			values := make([]uint32, n)
			for i := range values {
				values[i] = next(values[max(0, i-1)])
			}
			if got := readDelta(t, appendDelta(nil, values)); !slices.Equal(got, values) {
				t.Errorf("%d values, %s: got %v, want %v", n, name, got, values)
			}
		}
	}
}

func readDelta(t *testing.T, b []byte) (values []uint32) {
	t.Helper()
	next := func() uint64 {
		v, size := binary.Uvarint(b)
		if size <= 0 {
			t.Fatal("the bytes end early")
		}
		b = b[size:]
		return v
	}
	block, miniblocks, count := next(), next(), int(next())
	first := next()
	last := int64(first>>1) ^ -int64(first&1)
	if count > 0 {
		values = append(values, uint32(last))
	}
	for len(values) < count {
		zigzag := next()
		least := int64(zigzag>>1) ^ -int64(zigzag&1)
		widths := b[:miniblocks]
		b = b[miniblocks:]
		for _, width := range widths {
			if len(values) == count {
				break
			}
			for i := range int(block / miniblocks) {
				var difference uint64
				for bit := range int(width) {
					at := i*int(width) + bit
					difference |= uint64(b[at/8]>>(at%8)&1) << bit
				}
				if len(values) < count {
					last += least + int64(difference)
					values = append(values, uint32(last))
				}
			}
			b = b[int(block/miniblocks)*int(width)/8:]
		}
	}
	if len(b) > 0 {
		t.Errorf("%d bytes too many", len(b))
	}
	return values
}

func TestPackBooleans(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	for n := range 70 {
		values := make([]byte, n)
		for i := range values {
			values[i] = byte(r.IntN(2))
		}
		packed := packBooleans(slices.Clone(values))
		if len(packed) != (n+7)/8 {
			t.Fatalf("%d values take %d bytes", n, len(packed))
		}
		for i := range 8 * len(packed) {
			var want byte
			if i < n {
				want = values[i]
			}
			if got := packed[i/8] >> (i % 8) & 1; got != want {
				t.Fatalf("%d values: number %d is %d, want %d", n, i, got, want)
			}
		}
	}
}

func TestBitWidth(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 256: 8, 257: 9, 1 << 16: 16, 1<<16 + 1: 17} {
		if got := bitWidth(n); got != want {
			t.Errorf("%d numbers take %d bits, want %d", n, got, want)
		}
	}
}

package engine

import (
	"encoding/binary"
	"math/bits"
)

// appendHybrid writes whole numbers of width bits in Parquet's hybrid of run-length encoding and bit packing: a run of
// eight or more equal values as one, all else in packed groups of eight. Invariant: the bytes depend on the values alone.
func appendHybrid(b []byte, values []uint32, width int) []byte {
	literal := 0 // beginning of the values not yet written; a multiple of eight of them is before any run
	for i := 0; i < len(values); {
		run := 1
		for i+run < len(values) && values[i+run] == values[i] {
			run++
		}
		// A literal is whole groups: a run gives it the values that its last group lacks.
		if lacks := -(i - literal) & 7; lacks > 0 && i > literal {
			if run-lacks < 8 {
				i += run
				continue
			}
			i += lacks
			run -= lacks
		}
		if run < 8 {
			i += run
			continue
		}
		b = appendPacked(b, values[literal:i], width)
		b = appendRun(b, values[i], run, width)
		i += run
		literal = i
	}
	return appendPacked(b, values[literal:], width)
}

func appendRun(b []byte, value uint32, n, width int) []byte {
	b = binary.AppendUvarint(b, uint64(n)<<1)
	for range (width + 7) / 8 {
		b = append(b, byte(value))
		value >>= 8
	}
	return b
}

// appendPacked packs the values, the lowest bits first, and fills the last group with zeros.
func appendPacked(b []byte, values []uint32, width int) []byte {
	if len(values) == 0 {
		return b
	}
	groups := (len(values) + 7) / 8
	b = binary.AppendUvarint(b, uint64(groups)<<1|1)
	end := len(b) + groups*width
	var word uint64
	have := 0
	for _, v := range values {
		word |= uint64(v) << have
		have += width
		if have >= 32 {
			b = binary.LittleEndian.AppendUint32(b, uint32(word))
			word >>= 32
			have -= 32
		}
	}
	for len(b) < end {
		b = append(b, byte(word))
		word >>= 8
	}
	return b[:end]
}

// appendEqual writes n times the same whole number as DELTA_BINARY_PACKED does: in blocks of 128 whose differences, all
// of them zero, take no bits.
func appendEqual(b []byte, value uint64, n int) []byte {
	const block, miniblocks = 128, 4
	for _, v := range []uint64{block, miniblocks, uint64(n), value << 1} {
		b = binary.AppendUvarint(b, v)
	}
	for left := n - 1; left > 0; left -= block {
		b = append(b, make([]byte, 1+miniblocks)...) // the least difference, and the width of each miniblock
	}
	return b
}

// bitWidth is how many bits hold every number below n, at least one.
func bitWidth(n int) int { return max(1, bits.Len(uint(n-1))) }

package engine

import (
	"encoding/binary"
	"math/bits"
)

// appendHybrid appends integers of width bits in Parquet's hybrid of run-length encoding and bit packing: eight or more
// equal values as a run, all others packed in groups of eight. Invariant: the bytes depend on the values alone.
func appendHybrid(b []byte, values []uint32, width int) []byte {
	literal := 0 // index of the first value not yet written; a multiple of eight values precede any run
	for i := 0; i < len(values); {
		run := 1
		for i+run < len(values) && values[i+run] == values[i] {
			run++
		}
		// Packed groups must be full: the run gives up the values that the last group needs.
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

// appendPacked packs the values, the lowest bits first, and pads the last group with zeros.
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

// appendEqual appends n times the same integer in DELTA_BINARY_PACKED encoding: blocks of 128 values whose differences
// are all zero and take no bits.
func appendEqual(b []byte, value uint64, n int) []byte {
	const block, miniblocks = 128, 4
	for _, v := range []uint64{block, miniblocks, uint64(n), value << 1} {
		b = binary.AppendUvarint(b, v)
	}
	for left := n - 1; left > 0; left -= block {
		b = append(b, make([]byte, 1+miniblocks)...) // the smallest difference, and the width of each miniblock
	}
	return b
}

// bitWidth returns the number of bits, at least one, that hold every number below n.
func bitWidth(n int) int { return max(1, bits.Len(uint(n-1))) }

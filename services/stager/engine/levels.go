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

// Blocks of the DELTA_BINARY_PACKED encoding.
const (
	deltaBlock      = 128
	deltaMiniblocks = 4
	deltaMiniblock  = deltaBlock / deltaMiniblocks
)

// appendDelta appends integers in Parquet's DELTA_BINARY_PACKED encoding: blocks of the differences between neighbours, each
// packed with as many bits as it needs. arrow-go's encoder is internal to its column writers.
func appendDelta(b []byte, values []uint32) []byte {
	var first uint32
	if len(values) > 0 {
		first = values[0]
	}
	for _, v := range []uint64{deltaBlock, deltaMiniblocks, uint64(len(values)), uint64(first) << 1} {
		b = binary.AppendUvarint(b, v)
	}
	var differences [deltaBlock]int64
	for from := 1; from < len(values); from += deltaBlock {
		n := min(deltaBlock, len(values)-from)
		least := int64(values[from]) - int64(values[from-1])
		for i := range n {
			differences[i] = int64(values[from+i]) - int64(values[from+i-1])
			least = min(least, differences[i])
		}
		b = appendDeltaBlock(b, differences[:n], least)
	}
	return b
}

// appendDeltaBlock appends the differences of one block, of which least is the smallest.
func appendDeltaBlock(b []byte, differences []int64, least int64) []byte {
	b = binary.AppendVarint(b, least)
	widths := len(b)
	b = append(b, make([]byte, deltaMiniblocks)...)
	for k := 0; k*deltaMiniblock < len(differences); k++ {
		part := differences[k*deltaMiniblock : min((k+1)*deltaMiniblock, len(differences))]
		var all uint64
		for _, d := range part {
			all |= uint64(d - least)
		}
		width := bits.Len64(all)
		b[widths+k] = byte(width)
		end := len(b) + width*deltaMiniblock/8
		var word uint64
		have := 0
		for _, d := range part {
			word |= uint64(d-least) << have
			for have += width; have >= 8; have -= 8 {
				b = append(b, byte(word))
				word >>= 8
			}
		}
		for ; len(b) < end; word >>= 8 {
			b = append(b, byte(word))
		}
	}
	return b
}

// bitWidth returns the number of bits, at least one, that hold every number below n.
func bitWidth(n int) int { return max(1, bits.Len(uint(n-1))) }

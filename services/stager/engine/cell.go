package engine

import (
	"encoding/binary"
	"math"

	"github.com/llac-project/llac/platform/contract"
)

// cell is one value of a staged row in every form that later steps need. Its slices live as long as the buffer or arena
// that holds them.
type cell struct {
	null      bool
	defaulted bool   // the value is the contract's default
	payload   []byte // as in a data page, without the length of a text; nil for null
	hashed    []byte // as keys and the comparison of rows use it; empty if neither does
	folder    folder // only for columns of the partition and the slice
}

// folder is a value as a folder name, and whether the name is safe to use.
type folder struct {
	name string
	safe bool
}

// appendPayload appends a value in Parquet's PLAIN encoding, but a text without its length and a boolean as one byte.
func appendPayload(b []byte, t contract.Type, v value) []byte {
	switch t {
	case contract.Text, contract.JSON, contract.Decimal:
		return append(b, v.text...)
	case contract.Number:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v.number))
	case contract.Date:
		return binary.LittleEndian.AppendUint32(b, uint32(int32(v.whole)))
	case contract.Boolean:
		return append(b, byte(v.whole))
	}
	return binary.LittleEndian.AppendUint64(b, uint64(v.whole))
}

// The first byte of a hashed value.
const (
	nullMark = iota
	valueMark
	refusedMark
)

// appendHashed appends a value so that different sequences of values give different bytes.
func appendHashed(b []byte, t contract.Type, v value) []byte {
	if v.null {
		return append(b, nullMark)
	}
	b = append(b, valueMark)
	switch t {
	case contract.Text, contract.JSON, contract.Decimal:
		b = binary.AppendUvarint(b, uint64(len(v.text)))
		return append(b, v.text...)
	case contract.Number:
		return binary.BigEndian.AppendUint64(b, math.Float64bits(v.number))
	}
	return binary.BigEndian.AppendUint64(b, uint64(v.whole))
}

package engine

import (
	"encoding/binary"
	"math"

	"github.com/llac-project/llac/platform/contract"
)

// cell is one value of a staged row, made ready for everything that is done with it. Its parts live as long as the
// buffer or arena they were made in.
type cell struct {
	null    bool
	payload []byte // as a data page holds it, without a text's length; of a null: nil
	hashed  []byte // as the row's hash and the key take it: no two sequences of values read alike
	folder  folder // columns of the partition and the slice
}

// folder is a value as a folder's name, and whether it may be one.
type folder struct {
	name string
	safe bool
}

// appendPayload writes a value as Parquet's PLAIN encoding does, a text without its length, a boolean as one byte.
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

// appendHashed writes a value so that no two sequences of values read alike.
func appendHashed(b []byte, t contract.Type, v value) []byte {
	if v.null {
		return append(b, 0)
	}
	b = append(b, 1)
	switch t {
	case contract.Text, contract.JSON, contract.Decimal:
		b = binary.AppendUvarint(b, uint64(len(v.text)))
		return append(b, v.text...)
	case contract.Number:
		return binary.BigEndian.AppendUint64(b, math.Float64bits(v.number))
	}
	return binary.BigEndian.AppendUint64(b, uint64(v.whole))
}

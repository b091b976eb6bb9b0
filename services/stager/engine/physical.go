package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// physical is how a column is stored in a file.
type physical struct {
	name     string
	optional bool
	boolean  bool
	width    int // bytes per value; 0 for text
	less     func(a, b []byte) bool
}

// node returns the column's node in the Parquet schema, and how its values are stored in pages.
func node(f arrow.Field) (schema.Node, physical, error) {
	col := physical{name: f.Name, optional: f.Nullable, less: lessBytes}
	repetition := parquet.Repetitions.Required
	if f.Nullable {
		repetition = parquet.Repetitions.Optional
	}
	var n schema.Node
	var err error
	switch t := f.Type.(type) {
	case *arrow.StringType:
		n, err = schema.NewPrimitiveNodeLogical(f.Name, repetition, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, -1)
	case *arrow.Int64Type:
		col.width, col.less = 8, lessInt64
		n, err = schema.NewPrimitiveNode(f.Name, repetition, parquet.Types.Int64, -1, -1)
	case *arrow.Float64Type:
		col.width, col.less = 8, lessFloat64
		n, err = schema.NewPrimitiveNode(f.Name, repetition, parquet.Types.Double, -1, -1)
	case *arrow.BooleanType:
		col.width, col.boolean = 1, true
		n, err = schema.NewPrimitiveNode(f.Name, repetition, parquet.Types.Boolean, -1, -1)
	case *arrow.Date32Type:
		col.width, col.less = 4, lessInt32
		n, err = schema.NewPrimitiveNodeLogical(f.Name, repetition, schema.DateLogicalType{}, parquet.Types.Int32, -1, -1)
	case *arrow.TimestampType:
		col.width, col.less = 8, lessInt64
		logical := schema.NewTimestampLogicalType(true, schema.TimeUnitMicros)
		n, err = schema.NewPrimitiveNodeLogical(f.Name, repetition, logical, parquet.Types.Int64, -1, -1)
	case *arrow.Decimal128Type:
		col.width, col.less = decimalWidth(int(t.Precision)), lessDecimal
		logical := schema.NewDecimalLogicalType(t.Precision, t.Scale)
		n, err = schema.NewPrimitiveNodeLogical(f.Name, repetition, logical, parquet.Types.FixedLenByteArray, col.width, -1)
	default:
		err = fmt.Errorf("staged files do not support type %s", f.Type)
	}
	if err != nil {
		return nil, col, fmt.Errorf("parquet schema: column %s: %w", f.Name, err)
	}
	return n, col, nil
}

// updateStatistics extends the minimum and maximum to include v.
func (col *physical) updateStatistics(s *metadata.EncodedStatistics, v []byte) {
	if !s.HasMin || col.less(v, s.Min) {
		s.Min, s.HasMin = append(s.Min[:0], v...), true
	}
	if !s.HasMax || col.less(s.Max, v) {
		s.Max, s.HasMax = append(s.Max[:0], v...), true
	}
}

func lessBytes(a, b []byte) bool { return bytes.Compare(a, b) < 0 }
func lessInt64(a, b []byte) bool {
	return int64(binary.LittleEndian.Uint64(a)) < int64(binary.LittleEndian.Uint64(b))
}
func lessInt32(a, b []byte) bool {
	return int32(binary.LittleEndian.Uint32(a)) < int32(binary.LittleEndian.Uint32(b))
}
func lessFloat64(a, b []byte) bool {
	return math.Float64frombits(binary.LittleEndian.Uint64(a)) < math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// lessDecimal compares two's complements of equal width.
func lessDecimal(a, b []byte) bool {
	if negative := a[0] >= 0x80; negative != (b[0] >= 0x80) {
		return negative
	}
	return bytes.Compare(a, b) < 0
}

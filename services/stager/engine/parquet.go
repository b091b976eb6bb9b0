package engine

import (
	"fmt"
	"io"
	"math/big"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// What every file has in common. Changing any of these changes the bytes of all files (invariant 6).
const (
	createdBy     = "llac version 1.0.0 (build stager)" // in the form that readers take apart; no build, no date
	rowGroupRows  = 128 << 10
	zstdLevel     = 1
	maxStatistics = 256 // bytes of a minimum or maximum; longer ones are left out
)

const maxPrecision = 38

// decimalWidth is the number of bytes that hold every decimal of the precision.
func decimalWidth(precision int) int {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
	return limit.BitLen()/8 + 1 // one bit more, for the sign
}

// metadatum is one key and value in a file's footer.
type metadatum struct{ key, value string }

// reader answers one column of the file to be written, by row. Which function counts depends on the column's type.
type reader struct {
	null  func(row int) bool // nil: never
	bytes func(row int) []byte
	whole func(row int) int64
	float func(row int) float64
}

// parquetSchema is the Parquet schema of the Arrow types in use.
func parquetSchema(s *arrow.Schema) (*schema.GroupNode, error) {
	var fields schema.FieldList
	for _, f := range s.Fields() {
		repetition := parquet.Repetitions.Required
		if f.Nullable {
			repetition = parquet.Repetitions.Optional
		}
		var node schema.Node
		var err error
		switch t := f.Type.(type) {
		case *arrow.StringType:
			node, err = schema.NewPrimitiveNodeLogical(f.Name, repetition, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, -1)
		case *arrow.Int64Type:
			node, err = schema.NewPrimitiveNode(f.Name, repetition, parquet.Types.Int64, -1, -1)
		case *arrow.Float64Type:
			node, err = schema.NewPrimitiveNode(f.Name, repetition, parquet.Types.Double, -1, -1)
		case *arrow.BooleanType:
			node, err = schema.NewPrimitiveNode(f.Name, repetition, parquet.Types.Boolean, -1, -1)
		case *arrow.Date32Type:
			node, err = schema.NewPrimitiveNodeLogical(f.Name, repetition, schema.DateLogicalType{}, parquet.Types.Int32, -1, -1)
		case *arrow.TimestampType:
			node, err = schema.NewPrimitiveNodeLogical(f.Name, repetition, schema.NewTimestampLogicalType(true, schema.TimeUnitMicros), parquet.Types.Int64, -1, -1)
		case *arrow.Decimal128Type:
			node, err = schema.NewPrimitiveNodeLogical(f.Name, repetition, schema.NewDecimalLogicalType(t.Precision, t.Scale), parquet.Types.FixedLenByteArray, decimalWidth(int(t.Precision)), -1)
		default:
			err = fmt.Errorf("type %s has no place in a staged file", f.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("parquet schema: column %s: %w", f.Name, err)
		}
		fields = append(fields, node)
	}
	return schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
}

// writeParquet writes the given rows of the columns, in this order. The same rows give the same bytes.
func writeParquet(w io.Writer, s *arrow.Schema, columns []reader, rows []int, metadata []metadatum) (err error) {
	root, err := parquetSchema(s)
	if err != nil {
		return err
	}
	properties := parquet.NewWriterProperties(
		parquet.WithCreatedBy(createdBy), parquet.WithRootName("schema"),
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCompressionLevel(zstdLevel),
		parquet.WithDictionaryDefault(true), parquet.WithDictionaryFor("row_hash", false), // no two are equal
		parquet.WithStats(true), parquet.WithMaxStatsSize(maxStatistics),
	)
	pw, err := file.NewParquetWriterWithError(struct{ io.Writer }{w}, root, file.WithWriterProps(properties))
	if err != nil {
		return err
	}
	for len(rows) > 0 {
		n := min(len(rows), rowGroupRows)
		if err := writeRowGroup(pw, s, columns, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	for _, m := range metadata {
		if err := pw.AppendKeyValueMetadata(m.key, m.value); err != nil {
			return err
		}
	}
	return pw.Close()
}

func writeRowGroup(pw *file.Writer, s *arrow.Schema, columns []reader, rows []int) error {
	group, err := pw.AppendRowGroupChecked()
	if err != nil {
		return err
	}
	for i, c := range columns {
		f := s.Field(i)
		chunk, err := group.NextColumn()
		if err == nil {
			err = writeColumn(chunk, f, c, rows)
		}
		if err == nil {
			err = chunk.Close()
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", f.Name, err)
		}
	}
	return group.Close()
}

func writeColumn(chunk file.ColumnChunkWriter, f arrow.Field, c reader, rows []int) error {
	present, levels := rows, []int16(nil)
	if f.Nullable {
		levels = make([]int16, len(rows))
		present = make([]int, 0, len(rows))
		for i, row := range rows {
			if c.null == nil || !c.null(row) {
				levels[i] = 1
				present = append(present, row)
			}
		}
	}
	var err error
	switch chunk := chunk.(type) {
	case *file.ByteArrayColumnChunkWriter:
		_, err = chunk.WriteBatch(gather(present, func(row int) parquet.ByteArray { return c.bytes(row) }), levels, nil)
	case *file.FixedLenByteArrayColumnChunkWriter:
		_, err = chunk.WriteBatch(gather(present, func(row int) parquet.FixedLenByteArray { return c.bytes(row) }), levels, nil)
	case *file.Int64ColumnChunkWriter:
		_, err = chunk.WriteBatch(gather(present, c.whole), levels, nil)
	case *file.Int32ColumnChunkWriter:
		_, err = chunk.WriteBatch(gather(present, func(row int) int32 { return int32(c.whole(row)) }), levels, nil)
	case *file.Float64ColumnChunkWriter:
		_, err = chunk.WriteBatch(gather(present, c.float), levels, nil)
	case *file.BooleanColumnChunkWriter:
		_, err = chunk.WriteBatch(gather(present, func(row int) bool { return c.whole(row) != 0 }), levels, nil)
	default:
		err = fmt.Errorf("no writer for %T", chunk)
	}
	return err
}

func gather[T any](rows []int, at func(row int) T) []T {
	out := make([]T, len(rows))
	for i, row := range rows {
		out[i] = at(row)
	}
	return out
}

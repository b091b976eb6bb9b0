package content

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/llac-project/llac/platform/contract"
)

// Columns are the columns to compare.
type Columns struct {
	files, partition []string
}

// ColumnsOf returns the staged columns of a contract.
func ColumnsOf(c *contract.Contract) Columns {
	columns := Columns{partition: c.Partition}
	for _, f := range c.Fields {
		if f.Staged && !slices.Contains(c.Partition, f.Name) {
			columns.files = append(columns.files, f.Name)
		}
	}
	return columns
}

// QuarantineColumns returns the columns to compare in a quarantine: the position of a row, and the reason.
func QuarantineColumns() Columns {
	return Columns{files: []string{"source_page", "source_row", "code"}}
}

// Fingerprint is equal for equal rows within this process.
type Fingerprint struct {
	Rows     int64
	Sum, Xor uint64
	Nulls    string // by column
}

// Staging is the content of a folder of Parquet files.
type Staging struct {
	Fingerprint
	Files int
	Bytes int64 // compressed, of the compared columns
}

// seed makes hashes comparable within one process.
var seed = maphash.MakeSeed()

// Read reads all Parquet files below dir.
func Read(ctx context.Context, dir string, columns Columns) (Staging, error) {
	var s Staging
	nulls := make([]int64, len(columns.files))
	err := columns.each(ctx, dir, &s, func(row []byte, isNull []bool, _ func() string) error {
		h := maphash.Bytes(seed, row)
		s.Rows, s.Sum, s.Xor = s.Rows+1, s.Sum+h, s.Xor^h
		for i, null := range isNull {
			if null {
				nulls[i]++
			}
		}
		return nil
	})
	var b strings.Builder
	for i, n := range nulls {
		if n > 0 {
			fmt.Fprintf(&b, "%s %d, ", columns.files[i], n)
		}
	}
	s.Nulls = strings.TrimSuffix(b.String(), ", ")
	return s, err
}

// Difference returns up to most rows of each of two folders that the other does not contain.
func Difference(ctx context.Context, a, b string, columns Columns, most int) (onlyA, onlyB []string, err error) {
	surplus := map[uint64]int{} // rows of a minus rows of b, by hash
	var ignored Staging
	count := func(by int) func([]byte, []bool, func() string) error {
		return func(row []byte, _ []bool, _ func() string) error {
			h := maphash.Bytes(seed, row)
			if surplus[h] += by; surplus[h] == 0 {
				delete(surplus, h)
			}
			return nil
		}
	}
	if err := errors.Join(columns.each(ctx, a, &ignored, count(1)), columns.each(ctx, b, &ignored, count(-1))); err != nil {
		return nil, nil, err
	}
	show := func(sign int, into *[]string) func([]byte, []bool, func() string) error {
		return func(row []byte, _ []bool, text func() string) error {
			if n := surplus[maphash.Bytes(seed, row)]; n*sign > 0 && len(*into) < most {
				*into = append(*into, text())
			}
			return nil
		}
	}
	err = errors.Join(columns.each(ctx, a, &ignored, show(1, &onlyA)), columns.each(ctx, b, &ignored, show(-1, &onlyB)))
	return onlyA, onlyB, err
}

// visit receives a row in an encoding that is equal for equal rows, which of the file columns are null, and a text for
// people.
type visit func(row []byte, isNull []bool, text func() string) error

func (c Columns) each(ctx context.Context, dir string, s *Staging, yield visit) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".parquet" {
			return err
		}
		if err := c.eachOf(ctx, dir, path, s, yield); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		return nil
	})
}

func (c Columns) eachOf(ctx context.Context, dir, path string, s *Staging, yield visit) error {
	prefix, err := c.partitionOf(dir, path)
	if err != nil {
		return err
	}
	f, err := file.OpenParquetFile(path, false)
	if err != nil {
		return err
	}
	defer f.Close()
	at := make([]int, len(c.files))
	for i, name := range c.files {
		if at[i] = f.MetaData().Schema.ColumnIndexByName(name); at[i] < 0 {
			return fmt.Errorf("no column %s", name)
		}
	}
	for _, name := range c.partition {
		if f.MetaData().Schema.ColumnIndexByName(name) >= 0 {
			return fmt.Errorf("partition column %s is inside the file too", name)
		}
	}
	s.Files++
	for g := range f.NumRowGroups() {
		for _, i := range at {
			chunk, err := f.MetaData().RowGroup(g).ColumnChunk(i)
			if err != nil {
				return err
			}
			s.Bytes += chunk.TotalCompressedSize()
		}
	}
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: 32 << 10}, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	records, err := r.GetRecordReader(ctx, at, nil)
	if err != nil {
		return err
	}
	defer records.Release()
	for records.Next() {
		if err := c.eachRow(prefix, records.RecordBatch(), yield); err != nil {
			return err
		}
	}
	return records.Err()
}

// partitionOf encodes the partition values in a file's path.
func (c Columns) partitionOf(dir, path string) ([]byte, error) {
	relative, err := filepath.Rel(dir, filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var b []byte
	segments := strings.Split(filepath.ToSlash(relative), "/")
	if relative == "." {
		segments = nil
	}
	if len(segments) != len(c.partition) {
		return nil, fmt.Errorf("%d folders, want %d: %s", len(segments), len(c.partition), strings.Join(c.partition, ", "))
	}
	for i, name := range c.partition {
		value, ok := strings.CutPrefix(segments[i], name+"=")
		if !ok {
			return nil, fmt.Errorf("folder %s has no value of %s", segments[i], name)
		}
		b = appendText(b, value)
	}
	return b, nil
}

func (c Columns) eachRow(prefix []byte, batch arrow.RecordBatch, yield visit) error {
	cells := make([]func([]byte, int) []byte, len(c.files))
	columns := make([]arrow.Array, len(c.files))
	for i, name := range c.files {
		// By name: a reader returns columns in the file's order.
		at := batch.Schema().FieldIndices(name)
		if len(at) != 1 {
			return fmt.Errorf("%d columns named %s", len(at), name)
		}
		columns[i] = batch.Column(at[0])
		var err error
		if cells[i], err = appender(columns[i]); err != nil {
			return fmt.Errorf("column %s: %w", name, err)
		}
	}
	isNull := make([]bool, len(c.files))
	var row []byte
	for n := range int(batch.NumRows()) {
		row = append(row[:0], prefix...)
		for i, column := range columns {
			if isNull[i] = column.IsNull(n); isNull[i] {
				row = append(row, 0)
				continue
			}
			row = cells[i](row, n)
		}
		text := func() string {
			var b strings.Builder
			for i, column := range columns {
				fmt.Fprintf(&b, "%s=%s ", c.files[i], column.ValueStr(n))
			}
			return b.String() + "in " + strings.Join(c.partition, ", ") + fmt.Sprintf(" %q", prefix)
		}
		if err := yield(row, isNull, text); err != nil {
			return err
		}
	}
	return nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(append(b, 's'), uint64(len(s))), s...)
}

func appendWhole(b []byte, kind byte, v int64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, kind), uint64(v))
}

// appender returns a function that encodes a column's values. It ignores the width of integers and the different Arrow
// types for the same text.
func appender(column arrow.Array) (func([]byte, int) []byte, error) {
	switch a := column.(type) {
	case *array.String:
		return func(b []byte, i int) []byte { return appendText(b, a.Value(i)) }, nil
	case *array.LargeString:
		return func(b []byte, i int) []byte { return appendText(b, a.Value(i)) }, nil
	case *array.Dictionary:
		of, err := appender(a.Dictionary())
		if err != nil {
			return nil, err
		}
		return func(b []byte, i int) []byte { return of(b, a.GetValueIndex(i)) }, nil
	case *array.Int64:
		return func(b []byte, i int) []byte { return appendWhole(b, 'i', a.Value(i)) }, nil
	case *array.Int32:
		return func(b []byte, i int) []byte { return appendWhole(b, 'i', int64(a.Value(i))) }, nil
	case *array.Uint32:
		return func(b []byte, i int) []byte { return appendWhole(b, 'i', int64(a.Value(i))) }, nil
	case *array.Float64:
		return func(b []byte, i int) []byte { return appendWhole(b, 'f', int64(math.Float64bits(a.Value(i)))) }, nil
	case *array.Boolean:
		return func(b []byte, i int) []byte {
			if a.Value(i) {
				return append(b, 'b', 1)
			}
			return append(b, 'b', 0)
		}, nil
	case *array.Date32:
		return func(b []byte, i int) []byte { return appendWhole(b, 'd', int64(a.Value(i))) }, nil
	case *array.Timestamp:
		unit := a.DataType().(*arrow.TimestampType).Unit
		return func(b []byte, i int) []byte {
			return appendWhole(b, 't', int64(a.Value(i))*int64(unit.Multiplier())/int64(time.Microsecond))
		}, nil
	}
	return nil, fmt.Errorf("unsupported type %s", column.DataType())
}

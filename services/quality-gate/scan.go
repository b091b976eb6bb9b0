package gate

import (
	"bytes"
	"context"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/llac-project/llac/platform/cast"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// row is one row of a Parquet file. The values of partition columns come from the file's path.
type row struct {
	columns   map[string]arrow.Array
	partition map[string]string
	index     int
}

// Text implements quality.Row. An unknown column is null.
func (r row) Text(column string) (string, bool) {
	if v, ok := r.partition[column]; ok {
		return v, true
	}
	a := r.columns[column]
	if a == nil || a.IsNull(r.index) {
		return "", false
	}
	return a.ValueStr(r.index), true
}

// text returns the column's value, empty if it is null.
func (r row) text(column string) string {
	text, _ := r.Text(column)
	return text
}

// whole returns the column's whole number, nil if it is null.
func (r row) whole(column string) *int64 {
	n, ok := cast.Integer([]byte(r.text(column)))
	if !ok {
		return nil
	}
	return &n
}

// Null implements quality.Row.
func (r row) Null(column string) bool {
	if _, ok := r.partition[column]; ok {
		return false
	}
	a := r.columns[column]
	return a == nil || a.IsNull(r.index)
}

// Number implements quality.Row.
func (r row) Number(column string) (float64, bool) {
	f, ok := r.float(column)
	return f, ok && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// float returns a number, or a text that is a numeral, in the grammar in which the stager reads numerals.
func (r row) float(name string) (float64, bool) {
	if v, ok := r.partition[name]; ok {
		return cast.Number([]byte(v))
	}
	switch a := r.columns[name].(type) {
	case *array.Int64:
		return float64(a.Value(r.index)), a.IsValid(r.index)
	case *array.Float64:
		return a.Value(r.index), a.IsValid(r.index)
	case *array.String:
		if a.IsNull(r.index) {
			return 0, false
		}
		return cast.Number([]byte(a.Value(r.index)))
	case *array.Decimal128:
		return a.Value(r.index).ToFloat64(a.DataType().(*arrow.Decimal128Type).Scale), a.IsValid(r.index)
	}
	return 0, false
}

// scan calls visit for every row of one file, with the named columns. The file must be exactly the object named.
func (g gate) scan(ctx context.Context, o lake.CandidateObject, columns []string, visit func(row)) error {
	body, err := lake.Read(ctx, g.ports.Lake, o.Object)
	if err != nil {
		return err
	}
	if err := scanParquet(ctx, body, o.Partition, columns, visit); err != nil {
		return runtime.Permanent(fmt.Errorf("read Parquet file %s: %w", o.Key, err))
	}
	return nil
}

func scanParquet(ctx context.Context, body []byte, partition []lake.PartitionValue, columns []string, visit func(row)) error {
	parquet, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer parquet.Close()
	reader, err := pqarrow.NewFileReader(parquet, pqarrow.ArrowReadProperties{BatchSize: 8192}, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	r := row{partition: map[string]string{}}
	for _, p := range partition {
		r.partition[p.Column] = p.Value
	}
	indexes := indexesOf(parquet, columns)
	if len(indexes) == 0 {
		for range parquet.NumRows() {
			visit(r)
		}
		return nil
	}
	batches, err := reader.GetRecordReader(ctx, indexes, nil)
	if err != nil {
		return err
	}
	defer batches.Release()
	for batches.Next() {
		batch := batches.RecordBatch()
		r.columns = map[string]arrow.Array{}
		for i, f := range batch.Schema().Fields() {
			r.columns[f.Name] = batch.Column(i)
		}
		for r.index = range int(batch.NumRows()) {
			visit(r)
		}
	}
	return batches.Err()
}

// indexesOf returns the indexes of the columns that the file contains.
func indexesOf(parquet *file.Reader, columns []string) []int {
	var indexes []int
	schema := parquet.MetaData().Schema
	for _, name := range columns {
		if i := schema.ColumnIndexByName(name); i >= 0 {
			indexes = append(indexes, i)
		}
	}
	return indexes
}

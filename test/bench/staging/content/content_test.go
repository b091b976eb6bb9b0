package content

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// columns of the tests; lineage is present and must not count.
var columns = Columns{files: []string{"id", "capacity"}, partition: []string{"part"}}

var schema = arrow.NewSchema([]arrow.Field{
	{Name: "lineage", Type: arrow.BinaryTypes.String},
	{Name: "id", Type: arrow.BinaryTypes.String},
	{Name: "capacity", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
}, nil)

// write writes rows, given as JSON, to the file of a partition.
func write(t *testing.T, dir, part, name, rows string, s *arrow.Schema) {
	t.Helper()
	folder := filepath.Join(dir, "part="+part)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(folder, name+".parquet"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(s, f, nil, pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	batch, _, err := array.RecordFromJSON(memory.DefaultAllocator, s, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(batch); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir string) Staging {
	t.Helper()
	s, err := Read(t.Context(), dir, columns)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	write(t, base, "01", "a", `[{"lineage":"x","id":"S1","capacity":1},{"lineage":"y","id":"S2","capacity":null}]`, schema)
	write(t, base, "02", "a", `[{"lineage":"z","id":"S3","capacity":3}]`, schema)
	want := read(t, base)
	if want.Rows != 3 || want.Files != 2 || want.Nulls != "capacity 1" || want.Bytes <= 0 {
		t.Fatalf("got %+v", want)
	}

	same := t.TempDir() // different order, files and lineage
	write(t, same, "01", "a", `[{"lineage":"","id":"S2","capacity":null}]`, schema)
	write(t, same, "01", "b", `[{"lineage":"","id":"S1","capacity":1}]`, schema)
	write(t, same, "02", "c", `[{"lineage":"","id":"S3","capacity":3}]`, schema)
	if got := read(t, same); got.Fingerprint != want.Fingerprint {
		t.Errorf("the same rows in another order: %+v, want %+v", got, want)
	}

	narrow := arrow.NewSchema([]arrow.Field{schema.Field(1), {Name: "capacity", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	for _, c := range []struct {
		name, part, rows string
		schema           *arrow.Schema
	}{
		{"a cell", "01", `[{"id":"S1","capacity":2},{"id":"S2","capacity":null}]`, schema},
		{"a null", "01", `[{"id":"S1","capacity":1},{"id":"S2","capacity":0}]`, schema},
		{"a row twice", "01", `[{"id":"S1","capacity":1},{"id":"S1","capacity":1}]`, schema},
		{"a row more", "01", `[{"id":"S1","capacity":1},{"id":"S2","capacity":null},{"id":"S2","capacity":null}]`, schema},
		{"a row less", "01", `[{"id":"S1","capacity":1}]`, schema},
		{"values exchanged", "01", `[{"id":"S2","capacity":1},{"id":"S1","capacity":null}]`, schema},
		{"another partition", "03", `[{"id":"S1","capacity":1},{"id":"S2","capacity":null}]`, schema},
		{"a text for a number", "01", `[{"id":"S1","capacity":"1"},{"id":"S2","capacity":null}]`, narrow},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, c.part, "a", c.rows, c.schema)
			write(t, dir, "02", "a", `[{"lineage":"z","id":"S3","capacity":3}]`, schema)
			if got := read(t, dir); got.Fingerprint == want.Fingerprint {
				t.Fatal("the difference was not detected")
			}
			onlyA, onlyB, err := Difference(t.Context(), base, dir, columns, 5)
			if err != nil || len(onlyA)+len(onlyB) == 0 || len(onlyA) > 2 || len(onlyB) > 2 {
				t.Errorf("difference: %v %v %v", onlyA, onlyB, err)
			}
		})
	}
}

func TestInvalidFoldersAreErrors(t *testing.T) {
	t.Parallel()
	missing := arrow.NewSchema([]arrow.Field{schema.Field(1)}, nil)
	dir := t.TempDir()
	write(t, dir, "01", "a", `[{"id":"S1"}]`, missing)
	if _, err := Read(t.Context(), dir, columns); err == nil || !strings.Contains(err.Error(), "no column capacity") {
		t.Errorf("got %v", err)
	}
	if _, err := Read(t.Context(), dir, Columns{files: []string{"id"}}); err == nil || !strings.Contains(err.Error(), "1 folders") {
		t.Errorf("got %v", err)
	}
	if _, err := Read(t.Context(), filepath.Join(dir, "none"), columns); err == nil {
		t.Error("a missing folder: want an error")
	}
}

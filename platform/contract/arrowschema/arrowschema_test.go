package arrowschema_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/arrowschema"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestContractsReserveTheLineageColumns(t *testing.T) {
	t.Parallel()
	var names []string
	for _, l := range arrowschema.LineageColumns {
		names = append(names, l.Name)
	}
	if got, want := strings.Join(names, " "), strings.Join(contract.LineageColumns, " "); got != want {
		t.Errorf("lineage columns are %s, contracts reserve %s", got, want)
	}
}

func TestDataType(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		field contract.Field
		want  string
	}{
		{contract.Field{Type: contract.Text}, "utf8"},
		{contract.Field{Type: contract.Integer}, "int64"},
		{contract.Field{Type: contract.Number}, "float64"},
		{contract.Field{Type: contract.Decimal, Precision: 12, Scale: 2}, "decimal(12, 2)"},
		{contract.Field{Type: contract.Boolean}, "bool"},
		{contract.Field{Type: contract.Date}, "date32"},
		{contract.Field{Type: contract.Timestamp}, "timestamp[us, tz=UTC]"},
		{contract.Field{Type: contract.JSON}, "utf8"},
	} {
		if got := arrowschema.DataType(test.field).String(); got != test.want {
			t.Errorf("type of %s: %s, want %s", test.field.Type, got, test.want)
		}
	}
}

func TestPersonalAndPartitionColumnsAreNotInTheFiles(t *testing.T) {
	t.Parallel()
	c := &contract.Contract{
		Partition: []string{"district_id"},
		Fields: []contract.Field{
			{Name: "id", Type: contract.Text, Staged: true, Required: true},
			{Name: "owner_name", Type: contract.Text, Classification: "personal", Staged: true}, // even if the flag is set
			{Name: "district_id", Type: contract.Text, Staged: true},
			{Name: "shape", Type: contract.JSON},
		},
	}
	schema := arrowschema.Schema(c)
	if got := schema.Field(0); got.Name != "id" || got.Nullable {
		t.Errorf("first field is %v, want id, not null", got)
	}
	if got, want := schema.NumFields(), 1+len(arrowschema.LineageColumns); got != want {
		t.Errorf("%d fields, want %d:\n%s", got, want, schema)
	}
}

// The golden files contain the staged schema of every contract of the project: changing them changes tables.
func TestSchemasOfProjectDatasets(t *testing.T) {
	t.Parallel()
	contracts, err := contract.LoadDir(filepath.Join("..", "..", "..", "datasets"))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "_quarantine", arrowschema.QuarantineSchema())
	for _, c := range contracts {
		schema := arrowschema.Schema(c)
		if !schema.Equal(arrowschema.Schema(c)) {
			t.Errorf("%s: two calls return different schemas", c.Dataset)
		}
		golden(t, c.Dataset, schema)
	}
}

func golden(t *testing.T, name string, schema *arrow.Schema) {
	t.Helper()
	var b strings.Builder
	for _, f := range schema.Fields() {
		null := "not null"
		if f.Nullable {
			null = "null"
		}
		description, _ := f.Metadata.GetValue("description")
		if description == "" {
			t.Errorf("%s.%s has no description", name, f.Name)
		}
		fmt.Fprintf(&b, "%s %s %s\n", f.Name, f.Type, null)
	}
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with go test ./contract/arrowschema -update", err)
	}
	if string(want) != b.String() {
		t.Errorf("schema of %s has changed (if it should: go test ./contract/arrowschema -update)\ngot\n%swant\n%s", name, b.String(), want)
	}
}

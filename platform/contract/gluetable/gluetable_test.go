package gluetable_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/arrowschema"
	"github.com/llac-project/llac/platform/contract/gluetable"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestTypes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		field       contract.Field
		hive, trino string
	}{
		{contract.Field{Type: contract.Text}, "string", "varchar"},
		{contract.Field{Type: contract.Integer}, "bigint", "bigint"},
		{contract.Field{Type: contract.Number}, "double", "double"},
		{contract.Field{Type: contract.Decimal, Precision: 12, Scale: 2}, "decimal(12,2)", "decimal(12,2)"},
		{contract.Field{Type: contract.Boolean}, "boolean", "boolean"},
		{contract.Field{Type: contract.Date}, "date", "date"},
		{contract.Field{Type: contract.Timestamp}, "timestamp", "timestamp(3)"},
		{contract.Field{Type: contract.JSON}, "string", "varchar"},
	} {
		test.field.Name, test.field.Staged = "x", true
		got := gluetable.Columns(&contract.Contract{Fields: []contract.Field{test.field}})[0]
		if got.Hive != test.hive || got.Trino != test.trino {
			t.Errorf("types of %s: %s and %s, want %s and %s", test.field.Type, got.Hive, got.Trino, test.hive, test.trino)
		}
	}
}

// A table must have the columns of the files it reads, neither more nor fewer, in the same order.
func TestColumnsMatchTheFiles(t *testing.T) {
	t.Parallel()
	for _, c := range contracts(t) {
		var files, table []string
		for _, f := range arrowschema.Schema(c).Fields() {
			files = append(files, f.Name)
		}
		for _, col := range gluetable.Columns(c) {
			table = append(table, col.Name)
		}
		if fmt.Sprint(files) != fmt.Sprint(table) {
			t.Errorf("%s: the files have %v, the table %v", c.Dataset, files, table)
		}
		for _, p := range gluetable.PartitionKeys(c) {
			if strings.Contains(" "+strings.Join(files, " ")+" ", " "+p.Name+" ") {
				t.Errorf("%s: the partition key %s is in the files too: Hive refuses that", c.Dataset, p.Name)
			}
		}
	}
}

func TestCommentFitsGlue(t *testing.T) {
	t.Parallel()
	long := contract.Field{Name: "x", Staged: true, Description: "two\nlines and " + strings.Repeat("à", 200)}
	got := gluetable.Columns(&contract.Contract{Fields: []contract.Field{long}})[0].Comment
	if len(got) > 255 || !utf8.ValidString(got) || strings.Contains(got, "\n") || !strings.HasSuffix(got, "…") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func contracts(t *testing.T) []*contract.Contract {
	t.Helper()
	all, err := contract.LoadDir(filepath.Join("..", "..", "..", "datasets"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The golden files contain the columns of every dataset of the project: changing them changes tables.
func TestTablesOfProjectDatasets(t *testing.T) {
	t.Parallel()
	for _, c := range contracts(t) {
		var b strings.Builder
		for _, col := range gluetable.Columns(c) {
			fmt.Fprintf(&b, "%s %s %s\n", col.Name, col.Hive, col.Trino)
		}
		for _, col := range gluetable.PartitionKeys(c) {
			fmt.Fprintf(&b, "partition %s %s %s\n", col.Name, col.Hive, col.Trino)
		}
		path := filepath.Join("testdata", c.Dataset+".txt")
		if *update {
			if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v; write it with go test ./contract/gluetable -update", err)
		}
		if string(want) != b.String() {
			t.Errorf("the table of %s has changed (if it should: go test ./contract/gluetable -update)\ngot\n%swant\n%s", c.Dataset,
				b.String(), want)
		}
	}
}

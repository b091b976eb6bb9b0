package marts

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/python"
)

func TestOrder(t *testing.T) {
	t.Parallel()
	var columns []lake.MartColumn
	for _, name := range []string{"row_key", "day", "town_key", "town", "kind", "owner", "places"} {
		columns = append(columns, lake.MartColumn{Name: name})
	}
	for key, want := range map[string][]string{
		"":        {"day", "town", "kind", "owner", "places", "row_key", "town_key"},
		"row_key": {"day", "town", "kind", "owner", "row_key"},
		"town":    {"day", "town"}, // no column after the key can matter
		"places":  {"day", "town", "kind", "owner", "places"},
	} {
		if got := order(columns, key); !slices.Equal(got, want) {
			t.Errorf("by the key %q: %v, want %v", key, got, want)
		}
	}
	if got := order(columns[:2], "row_key"); !slices.Equal(got, []string{"day", "row_key"}) {
		t.Errorf("got %v", got)
	}
}

// TestInOrder sorts tables range by range and expects the order that sorting all rows at once gives.
func TestInOrder(t *testing.T) {
	t.Parallel()
	e, err := duckdb.Open(t.Context(), io.Discard)
	var none *python.NoPythonError
	if errors.As(err, &none) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for kind, value := range map[string]string{
		"date":    "date '2023-01-01' + cast(i * 7919 % 50 as integer)",
		"text":    "'it''s ' || (i * 7919 % 50)",
		"decimal": "cast(i * 7919 % 50 - 25 as decimal(9, 2)) / 4",
		"null":    "cast(null as date)",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			const by = "a nulls first, b nulls first"
			database := filepath.Join(t.TempDir(), "rows.duckdb")
			table := fmt.Sprintf("create table rows as select if(i %% 10 = 0, null, %s) as a, i * 31 %% 1000 as b from "+
				"range(1000) as r(i)", value)
			cuts, err := e.Run(t.Context(), duckdb.Job{Database: database, Statements: []string{table}, Query: cutsOf("rows", "a", 100)})
			if err != nil {
				t.Fatal(err)
			}
			if n := len(cuts.Values); kind != "null" && (n < 8 || n > 10) {
				t.Errorf("900 rows are cut into %d ranges: %v", n, cuts.Values)
			}
			query := inOrder("rows", "a", by, cuts.Values)
			if kind != "null" && strings.Count(query, "union all") != len(cuts.Values) {
				t.Errorf("the ranges are not sorted one by one: %s", query)
			}
			file := duckdb.Text(filepath.Join(t.TempDir(), "rows.parquet"))
			got, err := e.Run(t.Context(), duckdb.Job{
				Database: database, Settings: map[string]any{"threads": queryThreads, "preserve_insertion_order": false},
				Statements: []string{keepOrder, "copy (" + query + ") to " + file + " (format parquet)"},
				Query:      "select a, b from read_parquet(" + file + ", file_row_number = true) order by file_row_number",
			})
			if err != nil {
				t.Fatal(err)
			}
			want, err := e.Run(t.Context(), duckdb.Job{Database: database, Query: "select a, b from rows order by " + by})
			if err != nil || len(want.Values) != 1000 || !reflect.DeepEqual(got.Values, want.Values) {
				t.Errorf("%v, %d rows, or in another order", err, len(got.Values))
			}
		})
	}
}

package trino

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// columns returns a column of every type that a mart may have, with the types of both engines.
func columns() (trino, duckdb []Column) {
	for _, c := range [][3]string{
		{"id", "varchar", "VARCHAR"}, {"year", "integer", "INTEGER"}, {"people", "bigint", "BIGINT"}, {"share", "double", "DOUBLE"},
		{"change", "decimal(12,2)", "DECIMAL(12,2)"}, {"day", "date", "DATE"}, {"open", "boolean", "BOOLEAN"},
	} {
		trino, duckdb = append(trino, Column{c[0], c[1]}), append(duckdb, Column{c[0], c[2]})
	}
	return trino, duckdb
}

// tables returns the same two rows as each engine returns them: in a different order, with doubles written differently.
func tables() (trino, duckdb Table) {
	trino.Columns, duckdb.Columns = columns()
	n := func(s string) json.Number { return json.Number(s) }
	trino.Rows = [][]any{
		{"a", n("2023"), n("7909125"), n("1.0E-5"), "1.50", "2023-01-01", true},
		{"b", n("2024"), nil, n("0.1"), nil, nil, nil},
	}
	duckdb.Rows = [][]any{
		{"b", n("2024"), nil, n("0.1"), nil, nil, nil},
		{"a", n("2023"), n("7909125"), n("1e-05"), "1.50", "2023-01-01", true},
	}
	return trino, duckdb
}

func TestSame(t *testing.T) {
	t.Parallel()
	if d := Differences(tables()); len(d) > 0 {
		t.Errorf("the same tables differ: %q", d)
	}
	if d := Differences(Table{}, Table{}); len(d) > 0 {
		t.Errorf("two empty tables differ: %q", d)
	}
}

// TestDifferences checks that each kind of difference is reported.
func TestDifferences(t *testing.T) {
	t.Parallel()
	set := func(row, column int, value any) func(*Table, *Table) {
		return func(trino, _ *Table) { trino.Rows[row][column] = value }
	}
	kind := func(column int, trinos, duckdbs string) func(*Table, *Table) {
		return func(trino, duckdb *Table) {
			trino.Columns[column].Type, duckdb.Columns[column].Type = trinos, duckdbs
		}
	}
	for name, test := range map[string]struct {
		edit func(trino, duckdb *Table)
		want string
	}{
		"text":          {set(0, 0, "A"), `only Trino has the row id "A"`},
		"empty text":    {set(1, 0, ""), `only DuckDB has the row id "b"`},
		"the text null": {set(0, 5, "null"), `id "a": day is null on Trino and 2023-01-01 on DuckDB`},
		"integer":       {set(0, 1, json.Number("2022")), `id "a": year is 2022 on Trino and 2023 on DuckDB`},
		"null":          {set(0, 2, nil), `id "a": people is null on Trino and 7909125 on DuckDB`},
		"not null":      {set(1, 2, json.Number("0")), `id "b": people is 0 on Trino and null on DuckDB`},
		"last bit":      {set(1, 3, json.Number("0.10000000000000002")), `id "b": share is 0.10000000000000002 on Trino and 0.1 on DuckDB`},
		"not a number":  {set(1, 3, "NaN"), `id "b": share is NaN on Trino`},
		"scale":         {set(0, 4, "1.5"), `id "a": change is 1.5 on Trino and 1.50 on DuckDB`},
		"boolean":       {set(0, 6, false), `id "a": open is false on Trino and true on DuckDB`},
		"fewer rows":    {func(trino, _ *Table) { trino.Rows = trino.Rows[:1] }, "1 rows on Trino, 2 on DuckDB"},
		"no rows":       {func(trino, _ *Table) { trino.Rows = nil }, `only DuckDB has the row id "a"`},
		"a row twice":   {func(trino, _ *Table) { trino.Rows = append(trino.Rows, trino.Rows[0]) }, "3 rows on Trino, 2 on DuckDB"},
		"column's name": {func(trino, _ *Table) { trino.Columns[1].Name = "Year" }, "column 2 is Year on Trino and year on DuckDB"},
		"columns' order": {func(trino, _ *Table) { trino.Columns[1], trino.Columns[2] = trino.Columns[2], trino.Columns[1] },
			"column 2 is people on Trino and year on DuckDB"},
		"missing column":    {func(trino, _ *Table) { trino.Columns = trino.Columns[:6] }, "column 7: open is missing on Trino"},
		"additional column": {func(_, duckdb *Table) { duckdb.Columns = duckdb.Columns[:6] }, "column 7: open is missing on DuckDB"},
		"width of integers": {kind(1, "bigint", "INTEGER"), "year is bigint on Trino and INTEGER on DuckDB"},
		"HUGEINT":           {kind(2, "bigint", "HUGEINT"), "people is bigint on Trino and HUGEINT on DuckDB"},
		"decimal's scale":   {kind(4, "decimal(12,3)", "DECIMAL(12,2)"), "change is decimal(12,3) on Trino and DECIMAL(12,2) on DuckDB"},
		"time of a date":    {kind(5, "date", "TIMESTAMP"), "day is date on Trino and TIMESTAMP on DuckDB"},
		"bounded text":      {kind(0, "varchar(3)", "VARCHAR"), "id is varchar(3) on Trino and VARCHAR on DuckDB"},
		"unknown on both":   {kind(5, "timestamp(3)", "TIMESTAMP"), "day is timestamp(3) on Trino and TIMESTAMP on DuckDB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trino, duckdb := tables()
			test.edit(&trino, &duckdb)
			d := Differences(trino, duckdb)
			if !slices.ContainsFunc(d, func(s string) bool { return strings.HasPrefix(s, test.want) }) {
				t.Errorf("got %q, want %q", d, test.want)
			}
		})
	}
}

func TestManyDifferences(t *testing.T) {
	t.Parallel()
	trino, duckdb := tables()
	for range 100 {
		trino.Rows = append(trino.Rows, trino.Rows[0])
	}
	if d := Differences(trino, duckdb); len(d) != maxDifferences+1 || d[maxDifferences] != "and 91 more" {
		t.Errorf("got %d: %q", len(d), d)
	}
}

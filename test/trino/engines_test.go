//go:build trino

package trino

import (
	"strings"
	"testing"
)

// TestEngines: Trino reads the stager's own files as DuckDB does, column by column and row by row; and a difference between
// the two, of whatever kind, is seen.
func TestEngines(t *testing.T) {
	t.Parallel()
	e := newEngines(t)
	snapshots := newWorld(t).snapshots(0)
	e.do("CREATE SCHEMA work")
	if _, err := e.trino.Query(t.Context(), "CREATE SCHEMA staging"); err != nil {
		t.Fatal(err)
	}
	e.stage(snapshots)
	for _, s := range snapshots {
		e.same("staging." + s.Relation())
	}

	e.do(`CREATE TABLE work.every_type AS SELECT * FROM (VALUES
		(CAST('l''àpoca ·' AS varchar), CAST(2023 AS integer), CAST(7909125 AS bigint), CAST(0.1 AS double), CAST(1.5 AS decimal(12, 2)), DATE '1900-01-01', true),
		(CAST('' AS varchar), -1, -9223372036854775807, 1e300, CAST(-0.01 AS decimal(12, 2)), DATE '9999-12-31', false),
		(CAST(NULL AS varchar), NULL, NULL, NULL, NULL, NULL, NULL)) AS t (name, year, people, share, change, day, is_open)`)
	e.same("work.every_type")
	for _, column := range []string{
		"name || '.'", "year + 1", "people + 1", "share + 1e-16", "change + CAST(0.01 AS decimal(12, 2))", "NULL", "NOT is_open", // another value
		"CAST(name AS varchar(20))", "CAST(year AS bigint)", "CAST(change AS decimal(12, 3))", "CAST(day AS timestamp)", // another type
	} {
		name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(column, "CAST("), "NOT "), " ")
		if column == "NULL" {
			name = "day"
		}
		_, err := e.trino.Query(t.Context(), "CREATE OR REPLACE VIEW work.differs AS SELECT name AS key, "+column+" AS "+name+" FROM work.every_type")
		if err != nil {
			t.Fatal(err)
		}
		if err := e.onDuckDB("CREATE OR REPLACE VIEW work.differs AS SELECT name AS key, " + name + " FROM work.every_type"); err != nil {
			t.Fatal(err)
		}
		if len(e.differences("work.differs")) == 0 {
			t.Errorf("%s on Trino was not told from %s on DuckDB", column, name)
		}
	}
}

//go:build trino

package trino

import (
	"fmt"
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
	for _, d := range []struct{ column, onTrino string }{
		{"name", "name || '.'"}, {"year", "year + 1"}, {"people", "people + 1"}, {"share", "share + 1e-16"},
		{"change", "CAST(change + CAST(0.01 AS decimal(12, 2)) AS decimal(12, 2))"}, {"day", "CAST(NULL AS date)"}, {"is_open", "NOT is_open"},
		{"name", "CAST(name AS varchar(20))"}, {"year", "CAST(year AS bigint)"}, {"change", "CAST(change AS decimal(12, 3))"}, {"day", "CAST(day AS timestamp)"},
	} {
		view := "CREATE OR REPLACE VIEW work.differs AS SELECT name AS key, %s AS %s FROM work.every_type"
		if _, err := e.trino.Query(t.Context(), fmt.Sprintf(view, d.onTrino, d.column)); err != nil {
			t.Fatal(err)
		}
		if err := e.onDuckDB(fmt.Sprintf(view, d.column, d.column)); err != nil {
			t.Fatal(err)
		}
		if len(e.differences("work.differs")) == 0 {
			t.Errorf("%s on Trino was not told from %s on DuckDB", d.onTrino, d.column)
		}
	}
}

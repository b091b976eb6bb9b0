//go:build trino && unix

package trino

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/llac-project/llac/operations/duckdb"
)

// TestDifferencesOfEngines compares two real engines: every kind of difference is reported, and equal tables have none.
func TestDifferencesOfEngines(t *testing.T) {
	t.Parallel()
	sim := newSimulation(t)
	trino := startTrino(t)
	file := filepath.Join(t.TempDir(), "probe.duckdb")
	do := func(onDuckDB, onTrino string) {
		t.Helper()
		statements := []string{"CREATE SCHEMA IF NOT EXISTS compared", onDuckDB}
		if _, err := sim.engine.Run(t.Context(), duckdb.Job{Database: file, Statements: statements}); err != nil {
			t.Fatal(err)
		}
		if _, err := trino.Query(t.Context(), onTrino); err != nil {
			t.Fatal(err)
		}
	}
	differences := func(relation string) []string {
		t.Helper()
		ours, err := sim.engine.Run(t.Context(), duckdb.Job{Database: file, Query: "SELECT * FROM " + relation})
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := trino.Query(t.Context(), "SELECT * FROM "+relation)
		if err != nil {
			t.Fatal(err)
		}
		return Differences(theirs, duckTable(ours))
	}
	if err := trino.Empty(t.Context(), "compared"); err != nil {
		t.Fatal(err)
	}
	every := `CREATE TABLE compared.every_type AS SELECT * FROM (VALUES
		(CAST('l''àpoca ·' AS varchar), CAST(2023 AS integer), CAST(7909125 AS bigint), CAST(0.1 AS double),
			CAST(1.5 AS decimal(12, 2)), DATE '1900-01-01', true),
		(CAST('' AS varchar), -1, -9223372036854775807, 1e300, CAST(-0.01 AS decimal(12, 2)), DATE '9999-12-31', false),
		(CAST(NULL AS varchar), NULL, NULL, NULL, NULL, NULL, NULL)) AS t (name, year, people, share, change, day, is_open)`
	do(every, every)
	if d := differences("compared.every_type"); len(d) > 0 {
		t.Errorf("the same values differ: %q", d)
	}
	for _, d := range []struct{ column, onTrino string }{
		{"name", "name || '.'"}, {"year", "year + 1"}, {"people", "people + 1"}, {"share", "share + 1e-16"},
		{"change", "CAST(change + CAST(0.01 AS decimal(12, 2)) AS decimal(12, 2))"}, {"day", "CAST(NULL AS date)"},
		{"is_open", "NOT is_open"}, {"name", "CAST(name AS varchar(20))"}, {"year", "CAST(year AS bigint)"},
		{"change", "CAST(change AS decimal(12, 3))"}, {"day", "CAST(day AS timestamp)"},
	} {
		view := "CREATE OR REPLACE VIEW compared.differs AS SELECT name AS key, %s AS %s FROM compared.every_type"
		do(fmt.Sprintf(view, d.column, d.column), fmt.Sprintf(view, d.onTrino, d.column))
		if len(differences("compared.differs")) == 0 {
			t.Errorf("%s on Trino and %s on DuckDB: the difference was not reported", d.onTrino, d.column)
		}
	}
}

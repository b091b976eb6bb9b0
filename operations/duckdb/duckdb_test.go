package duckdb

import (
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/llac-project/llac/platform/local/python"
)

func engine(t *testing.T) Engine {
	t.Helper()
	e, err := Open(t.Context(), io.Discard)
	var missing *python.NoPythonError
	if errors.As(err, &missing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRun(t *testing.T) {
	t.Parallel()
	e := engine(t)
	file := filepath.Join(t.TempDir(), "it's.duckdb")
	rows, err := e.Run(t.Context(), Job{
		Database: file, Settings: map[string]any{"threads": 1},
		Statements: []string{"create table t (a bigint, b varchar, c decimal(12,2), d date, e boolean)",
			"insert into t values (9007199254740993, 'né' || chr(39), 1.50, date '2023-01-31', true), (1, null, null, null, false)"},
		Query: "select * from t order by a desc", Limit: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Rows{
		Columns: []Column{{"a", "BIGINT"}, {"b", "VARCHAR"}, {"c", "DECIMAL(12,2)"}, {"d", "DATE"}, {"e", "BOOLEAN"}},
		Values:  [][]any{{"9007199254740993", "né'", "1.50", "2023-01-31", true}}, More: true,
	}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("got %#v", rows)
	}
	rows, err = e.Run(t.Context(), Job{Database: file, ReadOnly: true, Query: "select a, b from t where a = 1"})
	if err != nil || !reflect.DeepEqual(rows.Values, [][]any{{json.Number("1"), nil}}) || rows.More {
		t.Errorf("got %#v, %v", rows, err)
	}
	_, err = e.Run(t.Context(), Job{Database: file, Statements: []string{"create table u (a int)", "select * from nowhere",
		"drop table t"}})
	var refused *Error
	if !errors.As(err, &refused) || refused.Kind != "CatalogException" || refused.Statement != "select * from nowhere" {
		t.Errorf("got %v", err)
	}
	if rows, err = e.Run(t.Context(), Job{Database: file, Query: "select count(*) from t"}); err != nil || len(rows.Values) != 1 {
		t.Errorf("a statement after a refused one has run: %v, %v", rows, err)
	}
}

// TestOptimizerThatLosesRows checks the setting that programs/database.py explains.
func TestOptimizerThatLosesRows(t *testing.T) {
	t.Parallel()
	rows, err := engine(t).Run(t.Context(), Job{Query: "select current_setting('disabled_optimizers')"})
	if err != nil || !reflect.DeepEqual(rows.Values, [][]any{{"outer_join_simplification"}}) {
		t.Errorf("got %v, %v", rows.Values, err)
	}
}

func TestQuoting(t *testing.T) {
	t.Parallel()
	if got := Text("l'Hospitalet") + Name(`a"b`); got != `'l''Hospitalet'"a""b"` {
		t.Error(got)
	}
}

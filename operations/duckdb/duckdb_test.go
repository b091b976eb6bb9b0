package duckdb

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"go.yaml.in/yaml/v3"

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

// TestSettings checks the settings that programs/database.py explains, and that a person who runs dbt by hand has them too.
func TestSettings(t *testing.T) {
	t.Parallel()
	const query = "select current_setting('TimeZone'), current_setting('disabled_optimizers')"
	rows, err := engine(t).Run(t.Context(), Job{Query: query})
	if err != nil || !reflect.DeepEqual(rows.Values, [][]any{{"UTC", "outer_join_simplification"}}) {
		t.Errorf("got %v, %v", rows.Values, err)
	}
	raw, err := os.ReadFile(filepath.Join("..", "..", "dbt", "profiles.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var profile struct {
		Llac struct {
			Outputs map[string]struct{ Settings map[string]any }
		}
	}
	if err := yaml.Unmarshal(raw, &profile); err != nil {
		t.Fatal(err)
	}
	settings := profile.Llac.Outputs["duckdb"].Settings
	if got := []any{settings["TimeZone"], settings["disabled_optimizers"]}; !reflect.DeepEqual(got, rows.Values[0]) {
		t.Errorf("dbt/profiles.yml sets %v, database.py %v", got, rows.Values[0])
	}
}

func TestQuoting(t *testing.T) {
	t.Parallel()
	if got := Text("l'Hospitalet") + Name(`a"b`); got != `'l''Hospitalet'"a""b"` {
		t.Error(got)
	}
}

package marts

import (
	"strings"
	"testing"
)

// TestMartsMustDeclareAndProveTheirGrain checks what is refused before any model is made.
func TestMartsMustDeclareAndProveTheirGrain(t *testing.T) {
	t.Parallel()
	const path = "models/marts/dim_towns.sql"
	meta := func(more ...any) map[string]any {
		m := map[string]any{"kind": "dimension", "grain": "One row per town and day", "key": []any{"town_id", "day"}}
		for i := 0; i < len(more); i += 2 {
			m[more[i].(string)] = more[i+1]
		}
		return m
	}
	test := func(name string, columns ...string) Node {
		return Node{ID: name, Type: "test", Test: name, TestColumns: columns, DependsOn: []string{"m"}}
	}
	some := test("is_key", "town_id", "day")
	some.Where = "day > date '2025-01-01'"
	other := test("is_key", "town_id", "day")
	other.DependsOn = []string{"another"}
	for name, c := range map[string]struct {
		path  string
		meta  map[string]any
		tests []Node
		want  string // "": accepted
	}{
		"not a mart":      {path: "models/staging/stg_towns.sql"},
		"no kind":         {want: `config.meta.kind is ""; write one of dimension, fact, aggregate`},
		"an unknown kind": {meta: meta("kind", "table"), want: `config.meta.kind is "table"`},
		"no grain":        {meta: meta("grain", ""), want: "config.meta.grain is missing"},
		"no key":          {meta: meta("key", nil), want: "config.meta.key is missing"},
		"no test":         {meta: meta(), want: "write data_tests: [{is_key: {arguments: {columns: [town_id, day]}}}]"},
		"no test of one column": {meta: meta("key", []any{"town_id"}),
			want: "write data_tests: [is_unique_and_not_null] under its column town_id"},
		"a test of the key":       {meta: meta(), tests: []Node{test("is_key", "day", "town_id")}},
		"a test of a smaller key": {meta: meta(), tests: []Node{test("is_unique_and_not_null", "town_id")}},
		"dbt's own tests":         {meta: meta(), tests: []Node{test("unique", "town_id"), test("not_null", "town_id")}},
		"unique without not_null": {meta: meta(), tests: []Node{test("unique", "town_id")}, want: "no test proves the grain"},
		"not_null of another column": {meta: meta(), tests: []Node{test("unique", "town_id"), test("not_null", "day")},
			want: "no test proves the grain"},
		"a test of a larger key": {meta: meta(), tests: []Node{test("is_key", "day", "town_id", "hour")},
			want: "no test proves the grain"},
		"a test of something else":     {meta: meta(), tests: []Node{test("no_gaps", "day")}, want: "no test proves the grain"},
		"a test of some rows":          {meta: meta(), tests: []Node{some}, want: "no test proves the grain"},
		"a test of another model":      {meta: meta(), tests: []Node{other}, want: "no test proves the grain"},
		"a mart in another folder too": {path: "models/other/dim_towns.sql", meta: meta(), want: "no test proves the grain"},
	} {
		model := Node{ID: "m", Type: "model", Name: "dim_towns", Path: path, Meta: c.meta}
		if c.path != "" {
			model.Path = c.path
		}
		_, err := trace(&Project{Nodes: append(c.tests, model)}).marts()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), "model dim_towns ("+model.Path+"): ") {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		} else if err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// TestAGrainWhoseTestOnlyWarns checks that nothing is published if the test of a key has a result and does not fail the build.
func TestAGrainWhoseTestOnlyWarns(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Result){
		"a warning":                  func(r *Result) { r.Status, r.Failures, r.Message = "warn", 2, "Got 2 results" },
		"failures below a threshold": func(r *Result) { r.Failures = 2 },
		"not run":                    func(r *Result) { r.ID = "another" },
	} {
		o, _ := lakeOfTowns(t)
		results := passing()
		change(&results[1])
		o.Engine = &fakeEngine{rows: "one", results: results}
		out, err := Build(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), `the tests of its grain "One row per town" did not pass`) || out.Built ||
			published(t, o.Store) != nil {
			t.Errorf("%s: got %v, published %v", name, err, published(t, o.Store))
		}
	}
}

func TestAccumulationsMustBeDeclaredInYML(t *testing.T) {
	t.Parallel()
	model := Node{ID: "m", Type: "model", Name: "fact_towns", Path: "models/fact_towns.sql", DependsOn: []string{"s"},
		Meta: map[string]any{"accumulates": "towns"}}
	l := trace(&Project{Nodes: []Node{model, {ID: "s", Type: "source", Name: "towns", Source: "staging"}}})
	planned := []*Accumulation{{Model: "fact_towns", Dataset: "towns"}}
	if err := l.checkAccumulations(planned); err != nil {
		t.Error(err)
	}
	if err := l.checkAccumulations(nil); err == nil || !strings.Contains(err.Error(), "declare accumulates: towns in a yml file") {
		t.Errorf("declared in SQL only: got %v", err)
	}
	model.DependsOn = nil
	if err := trace(&Project{Nodes: []Node{model}}).checkAccumulations(planned); err == nil ||
		!strings.Contains(err.Error(), "which it does not read") {
		t.Errorf("another dataset: got %v", err)
	}
}

package quality

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEveryMetricIsComplete(t *testing.T) {
	t.Parallel()
	if len(All()) < 12 {
		t.Errorf("only %d metrics are registered", len(All()))
	}
	for _, p := range Problems(All()) {
		t.Error(p)
	}
	for _, m := range All() {
		if _, err := os.Stat(m.Name + ".go"); err != nil {
			t.Errorf("metric %q: its file is not named after it: %v", m.Name, err)
		}
	}
}

func TestEveryFileRegistersAtMostOneMetric(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "\nvar _ = register("); n > 1 {
			t.Errorf("%s registers %d metrics; move every metric to its own file", f, n)
		}
	}
}

func TestProblemsNameTheMetric(t *testing.T) {
	t.Parallel()
	start := func(Rule, *Subject) (Measure, error) { return nil, nil }
	good := Metric{
		Name:      "good",
		Standard:  "goodValues",
		Dimension: "accuracy",
		Text:      "Good.",
		Start:     start,
		Cases:     []Case{{}, {Fails: true}},
	}
	with := func(change func(*Metric)) Metric {
		m := good
		change(&m)
		return m
	}
	for want, metrics := range map[string][]Metric{
		"": {good},
		`metric "good": two metrics have this name`: {good, with(func(m *Metric) { m.Standard = "" })},
		"another metric has the standard name":      {good, with(func(m *Metric) { m.Name = "other" })},
		`metric "good": it has no measuring`:        {with(func(m *Metric) { m.Start = nil })},
		`metric "good": it has no description`:      {with(func(m *Metric) { m.Text = "" })},
		`metric "good": it has no dimension`:        {with(func(m *Metric) { m.Dimension = "" })},
		`metric "good": no case passes`:             {with(func(m *Metric) { m.Cases = m.Cases[1:] })},
		`metric "good": no case fails`:              {with(func(m *Metric) { m.Cases = m.Cases[:1] })},
		`metric "Good one": the name must be`:       {with(func(m *Metric) { m.Name = "Good one" })},
	} {
		got := strings.Join(Problems(metrics), "\n")
		if want == "" && got != "" || !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("problems %q, want one: %q", got, want)
		}
	}
}

// values is a row in memory.
type values map[string]string

func (v values) Text(column string) (string, bool) { text, ok := v[column]; return text, ok }
func (v values) Null(column string) bool           { _, ok := v[column]; return !ok }

func (v values) Number(column string) (float64, bool) {
	var f float64
	_, err := fmt.Sscan(v[column], &f)
	return f, err == nil
}

func TestRulesShareTheDistinctValuesOfAColumn(t *testing.T) {
	t.Parallel()
	s := &Subject{Key: []string{"a", "b"}}
	rules := []Rule{
		{Metric: "distinct_count", Column: "a"}, {Metric: "duplicate_count", Column: "a"}, {Metric: "duplicate_count"},
		{Metric: "no_such_metric"},
	}
	p, err := NewPass(s, rules)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.distinct) != 2 {
		t.Errorf("%d sets, want one for the column and one for the key", len(s.distinct))
	}
	if got := p.Columns(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("columns %v", got)
	}
	var failing []string
	for i, row := range []values{{"a": "x", "b": "yz"}, {"a": "xy", "b": "z"}, {"a": "x", "b": "yz"}, {"b": "yz"}} {
		p.Add(row, func(rule int) { failing = append(failing, fmt.Sprintf("row %d rule %d", i, rule)) })
	}
	if !slices.Equal(failing, []string{"row 2 rule 1", "row 2 rule 2"}) {
		t.Errorf("failing: %v", failing)
	}
	for i, want := range []float64{2, 1, 1} {
		if r, ok := p.Result(i); !ok || r.Value != want {
			t.Errorf("rule %d: %+v, want %v", i, r, want)
		}
	}
	if _, ok := p.Result(3); ok {
		t.Error("an unknown metric has a result")
	}
}

func TestAPatternThatDoesNotCompile(t *testing.T) {
	t.Parallel()
	_, err := NewPass(&Subject{}, []Rule{{Name: "shape", Metric: "invalid", Column: "a", Pattern: "("}})
	if err == nil || !strings.Contains(err.Error(), "rule shape") {
		t.Errorf("error %v", err)
	}
}

package marts

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// make has dbt make and test everything that can be made.
func (b *build) make(ctx context.Context) error {
	total := b.lineage.buildable(b.isReadable)
	results, err := b.session.Build(ctx, b.lineage.selection(b.isReadable), func(s Step) {
		s.Total = total
		b.Progress(s)
	})
	if err != nil {
		return fmt.Errorf("dbt build: %w", err)
	}
	b.results = map[string]Result{}
	failing := false
	for _, r := range results {
		b.results[r.ID] = r
		b.recordResult(r)
		failing = failing || r.IsBad()
	}
	slices.SortFunc(b.record.Tests, func(x, y Test) int { return strings.Compare(x.Name, y.Name) })
	slices.SortFunc(b.record.Models, func(x, y Model) int { return strings.Compare(x.Name, y.Name) })
	// Invariant 3: one test that did not pass keeps all marts from being published.
	if failing {
		return b.explain(ctx, results)
	}
	for _, m := range b.marts {
		if len(b.lineage.lacks(m.ID, b.isReadable)) == 0 {
			if err := m.proven(b.results); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *build) recordResult(r Result) {
	n, milliseconds := b.lineage.nodes[r.ID], int64(r.Seconds*1000)
	if r.isTest() {
		b.record.Tests = append(b.record.Tests, Test{
			Name: r.Name, Type: r.Type, About: b.about(n), Status: r.Status, Failures: r.Failures, Milliseconds: milliseconds,
		})
	} else {
		b.record.Models = append(b.record.Models, Model{
			Name: r.Name, Type: r.Type, Materialized: n.Materialized, Status: r.Status, Milliseconds: milliseconds,
		})
	}
	if r.Status == "warn" {
		b.notice("Test %s of %s warns: %s.", r.Name, strings.Join(b.about(n), " and "), strings.TrimSuffix(r.Message, "."))
	}
}

// about lists the names of what a test is about.
func (b *build) about(n Node) []string {
	out := []string{}
	for _, id := range n.DependsOn {
		if on, ok := b.lineage.nodes[id]; ok {
			out = append(out, on.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// How much of a failure is shown.
const (
	maxWrongRows  = 5
	maxWrongTests = 20
	maxCellLength = 200 // characters
)

// explain collects the failed models and tests, with rows that the tests found wrong. Staging has no personal field, so
// these rows have none either (invariant 8).
func (b *build) explain(ctx context.Context, results []Result) error {
	f := &Failure{}
	failed := 0
	for _, r := range results {
		if !r.IsBad() || r.Status == "skipped" {
			continue
		}
		failed++
		if len(f.Nodes) < maxWrongTests {
			f.Nodes = append(f.Nodes, b.broken(ctx, r))
		}
	}
	what := "models or tests"
	if failed == 1 {
		what = "model or test"
	}
	f.Message = fmt.Sprintf("%d %s failed, so nothing of build %s is published", failed, what, b.id)
	b.record.Failure = f
	return &FailedError{b.record}
}

// broken describes a failed model or test.
func (b *build) broken(ctx context.Context, r Result) Broken {
	out := Broken{
		Name: r.Name, Type: r.Type, About: b.about(b.lineage.nodes[r.ID]), Message: short(r.Message, 10*maxCellLength),
		Failures: r.Failures,
	}
	if r.Query == "" {
		return out
	}
	rows, err := b.session.Query(ctx, "select * from ("+r.Query+"\n) as wrong", maxWrongRows)
	if err != nil {
		out.Message += "; the rows cannot be shown: " + err.Error()
	}
	for _, c := range rows.Columns {
		out.Columns = append(out.Columns, c.Name)
	}
	for _, row := range rows.Values {
		for i, v := range row {
			if s, ok := v.(string); ok {
				row[i] = short(s, maxCellLength)
			}
		}
		out.Rows = append(out.Rows, row)
	}
	out.More = rows.More
	return out
}

func short(s string, length int) string {
	runes := []rune(s)
	if len(runes) <= length {
		return s
	}
	return string(runes[:length-1]) + "…"
}

// freshness asks dbt how old the sources are. A stale source makes no number wrong, so it is only reported.
func (b *build) freshness(ctx context.Context) error {
	var sources []string
	for _, n := range b.project.Nodes {
		if n.Type == "source" && b.isReadable(n.Name) {
			sources = append(sources, "source:"+n.Source+"."+n.Name)
		}
	}
	if sources == nil {
		return nil
	}
	ages, err := b.session.Freshness(ctx, sources)
	if err != nil {
		return fmt.Errorf("dbt source freshness: %w", err)
	}
	b.record.Freshness = ages
	for _, a := range ages {
		if a.Status != "pass" {
			b.notice("%s is stale: its source was last checked at %s.", a.Dataset,
				b.plan.CheckedAt[a.Dataset].UTC().Format("2006-01-02 15:04"))
		}
	}
	return nil
}

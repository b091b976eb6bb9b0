package report

import (
	"fmt"
	"strings"

	"github.com/llac-project/llac/test/bench/marts"
)

// steps are those of a build of the marts, in words, in their order.
var steps = []struct{ name, words string }{
	{"open", "start Python, open the snapshots and the published marts"},
	{"parse", "load dbt, parse the project, begin with what is published"},
	{"build", "dbt build"},
	{"freshness", "dbt source freshness"},
	{"measure", "look at the tables that were made"},
	{"export", "write them sorted to Parquet, hash, upload what is new"},
}

// held is the memory of a build: of all its processes together where that is known.
func held(b marts.Build) int64 { return max(b.PeakRSS, b.Together) }

// marginal is how many seconds of the processor a build takes for a row more: unlike the wall's, they are the same beside
// other work.
func marginal(less, more marts.Scale) float64 {
	return (more.CPU - less.CPU) / float64(more.Rows-less.Rows)
}

// martsTargets holds builds of the marts against what is promised of them.
func martsTargets(r marts.Result) []Target {
	var out []Target
	add := func(what, promised, measured string, met bool) {
		out = append(out, Target{what, promised, measured, met})
	}
	if len(r.Warm) > 0 {
		wall := Median(each(r.Warm, func(b marts.Build) float64 { return b.Wall }))
		cpu := Median(each(r.Warm, func(b marts.Build) float64 { return b.CPU }))
		add("marts, warm build of all, wall", "≤ 15 s", fmt.Sprintf("%.1f s, of the processor %.1f s", wall, cpu), wall <= 15)
	}
	limit := func(what string, s marts.Scale) {
		add("marts, peak memory, "+what, "≤ 1 GiB", mib(held(s.Build)), held(s.Build) <= 1<<30)
	}
	if n := len(r.Population); n > 1 {
		first, last := r.Population[0], r.Population[n-1]
		ratio := (last.ModelSeconds + last.TestSeconds) / float64(last.Rows) * float64(first.Rows) / (first.ModelSeconds + first.TestSeconds)
		add("marts, seconds a row of the population, "+last.What+" / "+first.What, "≤ 1", fmt.Sprintf("%.2f", ratio), ratio <= 1)
		limit(last.What, last)
	}
	if n := len(r.Services); n > 2 {
		// The first build has the same fixed cost as the others: what a further row costs is told by differences.
		ratio := marginal(r.Services[n-2], r.Services[n-1]) / marginal(r.Services[n-3], r.Services[n-2])
		add("marts, a further row of the register, last year / the year before", "≤ 1.25", fmt.Sprintf("%.2f", ratio), ratio <= 1.25)
		limit(r.Services[n-1].What, r.Services[n-1])
	}
	if r.NextDay != nil {
		limit(r.NextDay.What, *r.NextDay)
	}
	return out
}

func each[T any](all []T, of func(T) float64) []float64 {
	out := make([]float64, len(all))
	for i, x := range all {
		out[i] = of(x)
	}
	return out
}

// martsTables shows where the time of a build goes, and how builds grow.
func martsTables(r marts.Result) string {
	var b strings.Builder
	median := func(of func(marts.Build) float64) string { return fmt.Sprintf("%.2f", Median(each(r.Warm, of))) }
	t := table{head: []string{"warm build", "median s"}}
	t.add("llac marts --force, start to end", median(func(b marts.Build) float64 { return b.Wall }))
	for _, s := range steps {
		t.add(s.words, median(func(b marts.Build) float64 { return b.Steps[s.name] }))
		if s.name == "build" {
			t.add("… models and seeds, added up", median(func(b marts.Build) float64 { return b.Models }))
			t.add("… tests of data, added up", median(func(b marts.Build) float64 { return b.Tests }))
			t.add("… unit tests, added up", median(func(b marts.Build) float64 { return b.UnitTests }))
		}
	}
	t.add("the rest: llac, its local cloud, the plan, the pointer", median(func(b marts.Build) float64 {
		rest := b.Wall
		for _, seconds := range b.Steps {
			rest -= seconds
		}
		return rest
	}))
	t.add("processor, all processes", median(func(b marts.Build) float64 { return b.CPU }))
	fmt.Fprintf(&b, "### Marts\n\n%d marts and %d tests over the %d simulated datasets; two models or tests are made at a time.\n\n%s", r.Models, r.Tests, r.Datasets, t)
	scales := append(append([]marts.Scale{}, r.Population...), r.Services...)
	if r.NextDay != nil {
		scales = append(scales, *r.NextDay)
	}
	if len(scales) == 0 {
		return b.String()
	}
	t = table{head: []string{"all marts, with", "rows of the fact", "file MB", "wall s", "CPU s", "wall s a million rows", "fact made s", "tested s", "all exported s", "peak MiB"}}
	for _, s := range scales {
		t.add(s.What, thousands(int(s.Rows)), fmt.Sprintf("%.1f", float64(s.Bytes)/1e6), fmt.Sprintf("%.1f", s.Wall), fmt.Sprintf("%.1f", s.CPU),
			fmt.Sprintf("%.1f", s.Wall/float64(s.Rows)*1e6), fmt.Sprintf("%.1f", s.ModelSeconds), fmt.Sprintf("%.1f", s.TestSeconds), fmt.Sprintf("%.1f", s.Steps["export"]),
			fmt.Sprint(held(s.Build)>>20))
	}
	fmt.Fprintf(&b, "\nOver years: each line but the last is made from nothing (`--full-refresh`), the last goes on from the line before it. Memory is that of llac and Python together.\n\n%s", t)
	return b.String()
}

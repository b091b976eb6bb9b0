package report

import (
	"fmt"
	"strings"

	"github.com/llac-project/llac/test/bench/marts"
)

// steps are the steps of a mart build with their descriptions, in order.
var steps = []struct{ name, words string }{
	{"open", "start Python, open the snapshots and the published marts"},
	{"parse", "load dbt, parse the project, start from the published marts"},
	{"build", "dbt build"},
	{"freshness", "dbt source freshness"},
	{"measure", "measure the built tables"},
	{"export", "write sorted Parquet, hash, upload new files"},
}

// peakMemory returns the peak memory of a build: of all its processes together if that was measured.
func peakMemory(b marts.Build) int64 { return max(b.PeakRSS, b.TreePeakRSS) }

// marginal returns the CPU seconds per additional row. Unlike wall time, CPU time hardly depends on other load.
func marginal(less, more marts.Scale) float64 {
	return (more.CPU - less.CPU) / float64(more.Rows-less.Rows)
}

// martsTargets compares mart builds with their targets.
func martsTargets(r marts.Result) []Target {
	var out targets
	if len(r.Warm) > 0 {
		wall := Median(each(r.Warm, func(b marts.Build) float64 { return b.Wall }))
		cpu := Median(each(r.Warm, func(b marts.Build) float64 { return b.CPU }))
		out.add("marts, warm build of all, wall", "≤ 15 s", fmt.Sprintf("%.1f s (%.1f s CPU)", wall, cpu), wall <= 15)
	}
	limit := func(what string, s marts.Scale) {
		out.add("marts, peak memory, "+what, "≤ 1 GiB", mib(peakMemory(s.Build)), peakMemory(s.Build) <= 1<<30)
	}
	if n := len(r.Population); n > 1 {
		first, last := r.Population[0], r.Population[n-1]
		ratio := (last.ModelSeconds + last.TestSeconds) / float64(last.Rows) * float64(first.Rows) / (first.ModelSeconds +
			first.TestSeconds)
		out.add("marts, s/population row, "+last.What+" / "+first.What, "≤ 1", fmt.Sprintf("%.2f", ratio), ratio <= 1)
		limit(last.What, last)
	}
	if n := len(r.Services); n > 2 {
		// Every build has the same fixed cost, so differences between builds give the cost of an additional row.
		ratio := marginal(r.Services[n-2], r.Services[n-1]) / marginal(r.Services[n-3], r.Services[n-2])
		out.add("marts, CPU per further register row, last / previous year", "≤ 1.25", fmt.Sprintf("%.2f", ratio), ratio <= 1.25)
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

// martsTables shows the time of each step of a build, and how builds grow with the data.
func martsTables(r marts.Result) string {
	var b strings.Builder
	median := func(of func(marts.Build) float64) string { return fmt.Sprintf("%.2f", Median(each(r.Warm, of))) }
	t := table{head: []string{"warm build", "median s"}}
	t.add("llac marts --force, start to end", median(func(b marts.Build) float64 { return b.Wall }))
	for _, s := range steps {
		t.add(s.words, median(func(b marts.Build) float64 { return b.Steps[s.name] }))
		if s.name == "build" {
			t.add("… models and seeds, total", median(func(b marts.Build) float64 { return b.Models }))
			t.add("… tests of data, total", median(func(b marts.Build) float64 { return b.Tests }))
			t.add("… unit tests, total", median(func(b marts.Build) float64 { return b.UnitTests }))
		}
	}
	t.add("remainder: llac, its local cloud, the plan, the pointer", median(func(b marts.Build) float64 {
		rest := b.Wall
		for _, seconds := range b.Steps {
			rest -= seconds
		}
		return rest
	}))
	t.add("CPU, all processes", median(func(b marts.Build) float64 { return b.CPU }))
	fmt.Fprintf(&b, "### Marts\n\n%d marts and %d tests over the %d simulated datasets; dbt runs two models or tests at a "+
		"time.\n\n%s", r.Models, r.Tests, r.Datasets, t)
	scales := append(append([]marts.Scale{}, r.Population...), r.Services...)
	if r.NextDay != nil {
		scales = append(scales, *r.NextDay)
	}
	if len(scales) == 0 {
		return b.String()
	}
	t = table{head: []string{
		"data", "fact rows", "file MB", "wall s", "CPU s", "wall s/M rows", "build s", "test s", "export s", "peak MiB",
	}}
	for _, s := range scales {
		t.add(s.What, thousands(int(s.Rows)), fmt.Sprintf("%.1f", float64(s.Bytes)/1e6), fmt.Sprintf("%.1f", s.Wall),
			fmt.Sprintf("%.1f", s.CPU),
			fmt.Sprintf("%.1f", s.Wall/float64(s.Rows)*1e6), fmt.Sprintf("%.1f", s.ModelSeconds),
			fmt.Sprintf("%.1f", s.TestSeconds), fmt.Sprintf("%.1f", s.Steps["export"]),
			fmt.Sprint(peakMemory(s.Build)>>20))
	}
	fmt.Fprintf(&b, "\nGrowth over the years: every row but the last is a full build (`--full-refresh`); the last is an "+
		"incremental build on\n"+
		"top of the previous row. Peak memory is that of llac and Python together.\n\n%s", t)
	return b.String()
}

package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/test/bench/functions"
	"github.com/llac-project/llac/test/bench/marts"
	"github.com/llac-project/llac/test/bench/staging"
	"github.com/llac-project/llac/test/bench/timed"
)

func example() Report {
	return Report{
		Machine: Machine{System: "linux/amd64", CPU: "a processor", Cores: 2, Go: "go1.26", Build: "abc",
			Packages: []string{"polars==2.1.0"}, Rounds: 3},
		Staging: []staging.Result{{
			Set: "register", Rows: 1_000_000, InputBytes: 443_000_000, Identical: []string{"GOMAXPROCS=1"},
			Counts: staging.Counts{RowsIn: 1_000_000, Staged: 970_496, Duplicates: 19_594, Quarantined: 9_910},
			Runs: []staging.Runs{
				{Contestant: "llac", Wall: []float64{1, 1.2, 0.9}, CPU: []float64{2, 2, 2},
					PeakRSS: []int64{200 << 20, 210 << 20, 190 << 20}, Bytes: 9_000_000, FileBytes: 28_000_000},
				{Contestant: "polars", Wall: []float64{2, 2.4, 2}, CPU: []float64{4, 4, 4},
					PeakRSS: []int64{1 << 30, 1 << 30, 1 << 30}, Bytes: 9_100_000, FileBytes: 9_200_000, Ratios: []float64{2, 2, 2.2}},
				{Contestant: "duckdb", Wall: []float64{3, 3, 3}, CPU: []float64{5, 5, 5},
					PeakRSS: []int64{1 << 29, 1 << 29, 1 << 29}, Bytes: 9_100_000, FileBytes: 9_200_000, Ratios: []float64{3, 2.5, 3.3}},
			},
		}},
		Functions: []functions.Result{{Service: "stager", ZipBytes: 9_700_000, StartMS: 9, IdleRSS: 20 << 20},
			{Service: "fetcher", ZipBytes: 8_000_000, StartMS: 16, IdleRSS: 21 << 20}},
		Marts: &marts.Result{
			Datasets: 10, Models: 11, Tests: 107,
			Warm: []marts.Build{
				{Usage: timed.Usage{Wall: 9, CPU: 10, PeakRSS: 300 << 20, TreePeakRSS: 340 << 20},
					Steps: map[string]float64{"parse": 4, "build": 3}, Models: 1, Tests: 2, UnitTests: 1.5},
				{Usage: timed.Usage{Wall: 10, CPU: 10}, Steps: map[string]float64{"parse": 5, "build": 3}},
				{Usage: timed.Usage{Wall: 8, CPU: 10}, Steps: map[string]float64{"parse": 3, "build": 3}},
			},
			Population: []marts.Scale{scale("1 year", 10, 10_000, 300, 1), scale("10 years", 11, 100_000, 310, 5)},
			Services: []marts.Scale{
				scale("1 year of days", 30, 4_000_000, 800, 10), scale("2 years of days", 50, 8_000_000, 900, 20),
				scale("3 years of days", 80, 12_000_000, 950, 30),
			},
			NextDay: &marts.Scale{Build: marts.Build{Usage: timed.Usage{PeakRSS: 1100 << 20}}, What: "a day more", Rows: 12_010_000},
		},
	}
}

func scale(what string, cpu float64, rows, mib int64, model float64) marts.Scale {
	return marts.Scale{Build: marts.Build{Usage: timed.Usage{Wall: cpu, CPU: cpu, TreePeakRSS: mib << 20}}, What: what,
		Rows: rows, ModelSeconds: model}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	got := map[string]Target{}
	for _, x := range example().Targets() {
		got[x.What] = x
	}
	for what, want := range map[string]Target{
		"wall, register, polars / llac":                             {Measured: "2.00", Met: true},
		"wall, register, duckdb / llac":                             {Measured: "3.00", Met: false},
		"bytes of the job's columns, register, llac / polars":       {Measured: "0.989", Met: true},
		"peak memory, register, 1,000,000 rows":                     {Measured: "210 MiB", Met: true},
		"same bytes, register":                                      {Measured: "identical with 1 settings", Met: true},
		"function, zip (largest)":                                   {Measured: "9.7 MB", Met: true},
		"function, start to ready (slowest median)":                 {Measured: "16.0 ms", Met: false},
		"function, idle memory (most)":                              {Measured: "21.0 MiB", Met: true},
		"marts, warm build of all, wall":                            {Measured: "9.0 s (10.0 s CPU)", Met: true},
		"marts, s/population row, 10 years / 1 year":                {Measured: "0.50", Met: true},
		"marts, peak memory, 10 years":                              {Measured: "310 MiB", Met: true},
		"marts, CPU per further register row, last / previous year": {Measured: "1.50", Met: false},
		"marts, peak memory, 3 years of days":                       {Measured: "950 MiB", Met: true},
		"marts, peak memory, a day more":                            {Measured: "1100 MiB", Met: false},
	} {
		if x := got[what]; x.Measured != want.Measured || x.Met != want.Met {
			t.Errorf("%s: %+v, want %+v", what, x, want)
		}
	}
	if len(got) != 14 {
		t.Errorf("%d targets, want 14: parts that were not measured must not be listed: %v", len(got), got)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for want, values := range map[float64][]float64{1: {1}, 2.5: {4, 1, 2, 3}, 2: {3, 1, 2}} {
		if got := Median(values); got != want {
			t.Errorf("Median(%v) = %g, want %g", values, got, want)
		}
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	got := example().Markdown()
	for _, want := range []string{
		"| program | wall / llac (range) | wall median s | min s | CPU s | peak MiB | output MB | files MB |\n| ------- |",
		"| llac    | 1                   | 1.00          | 0.90  | 2.00  | 210      | 9.00      | 28.00    |\n",
		"| polars  | 2.00 (2.00 to 2.20) | 2.00 ",
		"1,000,000 rows, 443 MB of JSON; 970,496 staged, 19,594 duplicates, 9,910 quarantined.",
		"| ≤ 15 ms   | 16.0 ms                   | NOT MET |",
		"- compared with polars==2.1.0\n",
		"11 marts and 107 tests over the 10 simulated datasets",
		"| load dbt, parse the project, start from the published marts | 4.00     |",
		"| remainder: llac, its local cloud, the plan, the pointer     | 2.00     |",
		"| 3 years of days | 12,000,000 | 0.0     | 80.0   | 80.0  | 6.7  ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
	if empty := (Report{}).Markdown(); strings.Contains(empty, "###") {
		t.Errorf("an empty report has parts:\n%s", empty)
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(path, []byte("# Title\n"+begin+"old\n"+end+"prose\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // writing twice gives the same
		if err := Write(path, "new\n"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if want := "# Title\n" + begin + "\nnew\n\n" + end + "prose\n"; err != nil || string(got) != want {
		t.Errorf("%v: %q, want %q", err, got, want)
	}
	if _, err := replace("nothing to replace", ""); err == nil {
		t.Error("a document without markers: want an error")
	}
}

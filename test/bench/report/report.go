package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/llac-project/llac/test/bench/functions"
	"github.com/llac-project/llac/test/bench/marts"
	"github.com/llac-project/llac/test/bench/staging"
)

// Report is the result of one benchmark run. Parts that were not measured are empty.
type Report struct {
	Machine    Machine              `json:"machine"`
	Figures    []Figure             `json:"figures,omitempty"`
	Staging    []staging.Result     `json:"staging,omitempty"`
	LeftOut    []string             `json:"left_out,omitempty"` // what was not measured, and why
	Memory     []Memory             `json:"memory,omitempty"`
	Cloud      *staging.CloudResult `json:"cloud,omitempty"`
	Benchmarks []Benchmark          `json:"benchmarks,omitempty"`
	Functions  []functions.Result   `json:"functions,omitempty"`
	Marts      *marts.Result        `json:"marts,omitempty"`
}

// Machine describes the machine and the versions of a measurement.
type Machine struct {
	System   string   `json:"system"`
	CPU      string   `json:"cpu"`
	Cores    int      `json:"cores"`
	Go       string   `json:"go"`
	Build    string   `json:"build"` // the commit
	Packages []string `json:"packages"`
	Rounds   int      `json:"rounds"`
	Load     float64  `json:"load"` // load average of the minute before; 0 if idle or unknown
}

// Figure is one measured figure of the pipeline.
type Figure struct {
	Name    string    `json:"name"`
	Unit    string    `json:"unit"`
	Target  string    `json:"target"`
	Samples []float64 `json:"samples"` // one per round
}

// Memory is the peak memory of staging a number of rows.
type Memory struct {
	Rows    int     `json:"rows"`
	PeakRSS int64   `json:"peak_rss_bytes"`
	Wall    float64 `json:"wall_seconds"`
}

// Benchmark is one Go benchmark, on one core.
type Benchmark struct {
	Package     string  `json:"package"`
	Name        string  `json:"name"`
	MBPerSecond float64 `json:"mb_per_second,omitempty"`
	Line        string  `json:"line"` // as printed by go test
}

// Target is one performance target.
type Target struct {
	What     string
	Promised string
	Measured string
	Met      bool
}

// Median returns the median of at least one value; for an even number of values, the mean of the middle two.
func Median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// Targets compares the report with the targets of issues 4 and 5. Parts that were not measured are not listed.
func (r Report) Targets() []Target {
	var out targets
	for _, s := range r.Staging {
		if len(s.Runs) > 0 {
			out.addStaging(s)
		}
	}
	for _, m := range r.Memory {
		out.add(fmt.Sprintf("peak memory, %s rows", thousands(m.Rows)), "≤ 320 MiB", mib(m.PeakRSS), m.PeakRSS <= 320<<20)
	}
	if r.Cloud != nil && len(r.Cloud.Ratios) > 0 {
		ratio := Median(r.Cloud.Ratios)
		out.add("wall, from S3 (local cloud) / from files", "≤ 1.3", two(ratio), ratio <= 1.3)
	}
	for _, b := range r.Benchmarks {
		if least, ok := validatorTargets[b.Name]; ok {
			_, how, _ := strings.Cut(b.Name, "/")
			out.add("validator, a core, "+strings.ReplaceAll(how, "_", " "), fmt.Sprintf("≥ %.1f GB/s", least),
				fmt.Sprintf("%.2f GB/s", b.MBPerSecond/1000), b.MBPerSecond >= least*1000)
		}
	}
	if len(r.Functions) > 0 {
		out.addFunctions(r.Functions)
	}
	if r.Marts != nil {
		out = append(out, martsTargets(*r.Marts)...)
	}
	return out
}

// Targets of ratios and throughput by contestant and benchmark.
var (
	wallTargets      = map[string]float64{"polars": 2, "duckdb": 3.5, "pandas": 7}
	validatorTargets = map[string]float64{"BenchmarkValidate/with_sha256": 0.6, "BenchmarkValidate/without_sha256": 1} // GB/s
)

// targets collects targets.
type targets []Target

func (t *targets) add(what, promised, measured string, met bool) {
	*t = append(*t, Target{what, promised, measured, met})
}

func (t *targets) addStaging(s staging.Result) {
	ours, job := s.Runs[0], strings.HasSuffix(s.Set, "register") // with or without the fields about persons
	for _, peer := range s.Runs[1:] {
		if len(peer.Ratios) == 0 {
			continue
		}
		ratio := Median(peer.Ratios)
		if job {
			if least, ok := wallTargets[peer.Contestant]; ok {
				t.add("wall, "+s.Set+", "+peer.Contestant+" / llac", fmt.Sprintf("≥ %g", least), two(ratio), ratio >= least)
			}
		} else if peer.Contestant == "polars" {
			t.add("wall, "+s.Set+", llac / polars", "≤ 1.2", two(1/ratio), 1/ratio <= 1.2)
		}
		if peer.Contestant == "polars" && job {
			size := float64(ours.Bytes) / float64(peer.Bytes)
			t.add("bytes of the job's columns, "+s.Set+", llac / polars", "≤ 1.03", fmt.Sprintf("%.3f", size), size <= 1.03)
		}
	}
	if job && len(ours.PeakRSS) > 0 {
		most := slices.Max(ours.PeakRSS)
		t.add(fmt.Sprintf("peak memory, %s, %s rows", s.Set, thousands(s.Rows)), "≤ 256 MiB", mib(most), most <= 256<<20)
	}
	if different := len(s.Differing); different > 0 {
		t.add("same bytes, "+s.Set, "always", fmt.Sprintf("different with %d of %d settings", different, different+len(s.Identical)), false)
	} else if len(s.Identical) > 0 {
		t.add("same bytes, "+s.Set, "always", fmt.Sprintf("identical with %d settings", len(s.Identical)), true)
	}
}

func (t *targets) addFunctions(results []functions.Result) {
	most := func(of func(functions.Result) float64) float64 {
		return of(slices.MaxFunc(results, func(a, b functions.Result) int { return cmp.Compare(of(a), of(b)) }))
	}
	zip := most(func(f functions.Result) float64 { return float64(f.ZipBytes) / 1e6 })
	t.add("function, zip (largest)", "≤ 12 MB", fmt.Sprintf("%.1f MB", zip), zip <= 12)
	start := most(func(f functions.Result) float64 { return f.StartMS })
	t.add("function, start to ready (slowest median)", "≤ 15 ms", fmt.Sprintf("%.1f ms", start), start <= 15)
	idle := most(func(f functions.Result) float64 { return float64(f.IdleRSS) / (1 << 20) })
	t.add("function, idle memory (most)", "≤ 30 MiB", fmt.Sprintf("%.1f MiB", idle), idle <= 30)
}

func mib(bytes int64) string { return fmt.Sprintf("%d MiB", (bytes+(1<<20)-1)>>20) }

// thousands formats 1000000 as 1,000,000.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

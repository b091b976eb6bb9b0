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

// Report is one run of the bench. Parts that were left out are empty.
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

// Machine is where, and with which versions, the figures were taken.
type Machine struct {
	System   string   `json:"system"`
	CPU      string   `json:"cpu"`
	Cores    int      `json:"cores"`
	Go       string   `json:"go"`
	Build    string   `json:"build"` // the commit
	Packages []string `json:"packages"`
	Rounds   int      `json:"rounds"`
	Load     float64  `json:"load"` // processes that wanted to run in the minute before; 0: nobody, or the system does not tell
}

// Figure is one measured thing of the pipeline.
type Figure struct {
	Name    string    `json:"name"`
	Unit    string    `json:"unit"`
	Target  string    `json:"target"`
	Samples []float64 `json:"samples"` // one a round
}

// Memory is what staging so many rows took at the most.
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
	Line        string  `json:"line"` // as go test prints it
}

// Target is one thing that was promised.
type Target struct {
	What     string
	Promised string
	Measured string
	Met      bool
}

// Median of at least one value; of an even number of them, the mean of the two in the middle.
func Median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// Targets holds the report against what issues 4 and 5 promise. What was not measured is not listed.
func (r Report) Targets() []Target {
	var out []Target
	add := func(what, promised, measured string, met bool) {
		out = append(out, Target{what, promised, measured, met})
	}
	for _, s := range r.Staging {
		if len(s.Runs) == 0 {
			continue
		}
		ours, job := s.Runs[0], strings.HasSuffix(s.Set, "register") // with and without the fields about persons
		for _, peer := range s.Runs[1:] {
			if len(peer.Ratios) == 0 {
				continue
			}
			ratio := Median(peer.Ratios)
			if job {
				if least, ok := map[string]float64{"polars": 2, "duckdb": 3.5, "pandas": 7}[peer.Contestant]; ok {
					add("wall, "+s.Set+", "+peer.Contestant+" / llac", fmt.Sprintf("≥ %g", least), fmt.Sprintf("%.2f", ratio), ratio >= least)
				}
			} else if peer.Contestant == "polars" {
				add("wall, "+s.Set+", llac / polars", "≤ 1.2", fmt.Sprintf("%.2f", 1/ratio), 1/ratio <= 1.2)
			}
			if peer.Contestant == "polars" && job {
				size := float64(ours.Bytes) / float64(peer.Bytes)
				add("bytes of the job's columns, "+s.Set+", llac / polars", "≤ 1.03", fmt.Sprintf("%.3f", size), size <= 1.03)
			}
		}
		if job && len(ours.PeakRSS) > 0 {
			most := slices.Max(ours.PeakRSS)
			add(fmt.Sprintf("peak memory, %s, %s rows", s.Set, thousands(s.Rows)), "≤ 256 MiB", mib(most), most <= 256<<20)
		}
		if len(s.Differing) > 0 {
			add("same bytes, "+s.Set, "always", fmt.Sprintf("other bytes under %d of %d settings", len(s.Differing), len(s.Differing)+len(s.Identical)), false)
		} else if len(s.Identical) > 0 {
			add("same bytes, "+s.Set, "always", "under "+strings.Join(s.Identical, ", "), true)
		}
	}
	for _, m := range r.Memory {
		add(fmt.Sprintf("peak memory, %s rows", thousands(m.Rows)), "≤ 320 MiB", mib(m.PeakRSS), m.PeakRSS <= 320<<20)
	}
	if r.Cloud != nil && len(r.Cloud.Ratios) > 0 {
		ratio := Median(r.Cloud.Ratios)
		add("wall, from S3 (local cloud) / from files", "≤ 1.3", fmt.Sprintf("%.2f", ratio), ratio <= 1.3)
	}
	for _, b := range r.Benchmarks {
		if least, ok := map[string]float64{"BenchmarkValidate/with_sha256": 0.6, "BenchmarkValidate/without_sha256": 1}[b.Name]; ok {
			_, how, _ := strings.Cut(b.Name, "/")
			add("validator, a core, "+strings.ReplaceAll(how, "_", " "), fmt.Sprintf("≥ %.1f GB/s", least), fmt.Sprintf("%.2f GB/s", b.MBPerSecond/1000), b.MBPerSecond >= least*1000)
		}
	}
	if len(r.Functions) > 0 {
		most := func(of func(functions.Result) float64) float64 {
			return of(slices.MaxFunc(r.Functions, func(a, b functions.Result) int { return cmp.Compare(of(a), of(b)) }))
		}
		zip := most(func(f functions.Result) float64 { return float64(f.ZipBytes) / 1e6 })
		add("function, zip (largest)", "≤ 12 MB", fmt.Sprintf("%.1f MB", zip), zip <= 12)
		start := most(func(f functions.Result) float64 { return f.StartMS })
		add("function, start to ready (slowest median)", "≤ 15 ms", fmt.Sprintf("%.1f ms", start), start <= 15)
		idle := most(func(f functions.Result) float64 { return float64(f.IdleRSS) / (1 << 20) })
		add("function, idle memory (most)", "≤ 30 MiB", fmt.Sprintf("%.1f MiB", idle), idle <= 30)
	}
	if r.Marts != nil {
		out = append(out, martsTargets(*r.Marts)...)
	}
	return out
}

func mib(bytes int64) string { return fmt.Sprintf("%d MiB", (bytes+(1<<20)-1)>>20) }

// thousands writes 1000000 as 1,000,000.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

package marts

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/test/bench/timed"
)

// Result is the measurements of mart builds.
type Result struct {
	Datasets   int     `json:"datasets"`
	Models     int     `json:"models"`
	Tests      int     `json:"tests"`
	First      Build   `json:"first"` // into a lake without marts
	Warm       []Build `json:"warm"`  // forced builds over the same snapshots
	Population []Scale `json:"population"`
	Services   []Scale `json:"services"`
	NextDay    *Scale  `json:"next_day,omitempty"` // one more day after the last of Services
}

// Build is one run of llac marts.
type Build struct {
	timed.Usage
	Steps     map[string]float64 `json:"seconds"`           // by step of the runner
	Models    float64            `json:"model_seconds"`     // total; two models or tests run at a time
	Tests     float64            `json:"test_seconds"`      // data tests, total
	UnitTests float64            `json:"unit_test_seconds"` // total
}

// Scale is a build over a given amount of data of one fact.
type Scale struct {
	Build
	Model        string  `json:"model"`
	What         string  `json:"what"`
	Rows         int64   `json:"rows"`          // of the fact
	Bytes        int64   `json:"bytes"`         // of its file
	ModelSeconds float64 `json:"fact_seconds"`  // building the fact
	TestSeconds  float64 `json:"check_seconds"` // testing the fact, total
}

// Bench configures the measurement.
type Bench struct {
	Llac      string // binary to measure
	Contracts string
	Project   string // dbt project
	Folder    string // emptied first and removed at the end
	Rounds    int
	Years     bool // also measure years of data, which takes minutes
	Progress  io.Writer
}

// Measure runs the benchmark.
func (b Bench) Measure(ctx context.Context) (r Result, err error) {
	if b.Folder, err = filepath.Abs(b.Folder); err != nil {
		return r, err
	}
	if err := os.RemoveAll(b.Folder); err != nil {
		return r, err
	}
	defer func() {
		if err == nil {
			err = os.RemoveAll(b.Folder)
		}
	}()
	engine, err := duckdb.Open(ctx, b.Progress)
	if err != nil {
		return r, err
	}
	b.logf("running all datasets into a new lake")
	w, err := newBenchLake(ctx, b.Folder, b.Contracts, engine)
	if err != nil {
		return r, err
	}
	first, err := b.build(ctx)
	if err != nil {
		return r, err
	}
	r.First, r.Datasets, r.Models, r.Tests = first.Build, len(w.contracts), len(first.marts.Models), len(first.record.Tests)
	for range b.Rounds {
		warm, err := b.build(ctx, "--force")
		if err != nil {
			return r, err
		}
		r.Warm = append(r.Warm, warm.Build)
	}
	if b.Years {
		err = b.years(ctx, w, &r)
	}
	return r, err
}

// years measures the growing facts. The population is at its longest while the register grows.
func (b Bench) years(ctx context.Context, w *benchLake, r *Result) error {
	for _, years := range []int{1, populationYears / 2, populationYears} {
		if err := w.publishPopulation(ctx, years); err != nil {
			return err
		}
		s, err := b.scale(ctx, "fact_population_monthly", count(years, "of months"), "--full-refresh")
		if err != nil {
			return err
		}
		r.Population = append(r.Population, s)
	}
	days := registerDays(serviceYears)
	done := 0
	for years := 1; years <= serviceYears; years++ {
		until := 12*years + 1
		if err := w.publishServices(ctx, days[done:until], done); err != nil {
			return err
		}
		done = until
		s, err := b.scale(ctx, "fact_service_usage_daily", count(years, "of days"), "--full-refresh")
		if err != nil {
			return err
		}
		r.Services = append(r.Services, s)
	}
	if err := w.publishServices(ctx, []time.Time{days[done-1].AddDate(0, 0, 1)}, done); err != nil {
		return err
	}
	s, err := b.scale(ctx, "fact_service_usage_daily", fmt.Sprintf("%d years and one day", serviceYears))
	r.NextDay = &s
	return err
}

func count(years int, of string) string {
	if years == 1 {
		return "1 year " + of
	}
	return fmt.Sprintf("%d years %s", years, of)
}

func (b Bench) logf(format string, args ...any) {
	fmt.Fprintf(b.Progress, "marts: "+format+"\n", args...)
}

// built is a build and its results.
type built struct {
	Build
	marts  *lake.MartsPointer
	record marts.Record
}

// build runs llac marts and reads the record of the build.
func (b Bench) build(ctx context.Context, args ...string) (built, error) {
	argv := append([]string{b.Llac, "marts", "--dir", b.Folder, "--datasets", b.Contracts, "--dbt", b.Project, "--json"}, args...)
	usage, out, err := timed.RunTree(ctx, argv, os.Environ())
	if err != nil {
		return built{}, fmt.Errorf("%w\n%s", err, errorText(out))
	}
	n := built{Build: Build{Usage: usage, Steps: map[string]float64{}}}
	files := filelake.Open(b.Folder, pipeline.DataBucket)
	if n.marts, _, err = lake.ReadMartsPointer(ctx, files); err != nil {
		return n, err
	}
	if n.record, err = marts.ReadRecord(ctx, files, n.marts.Record); err != nil {
		return n, err
	}
	for step, ms := range n.record.Times {
		n.Steps[step] = float64(ms) / 1000
	}
	for _, m := range n.record.Models {
		n.Models += float64(m.Milliseconds) / 1000
	}
	for _, t := range n.record.Tests {
		if t.Type == "unit_test" {
			n.UnitTests += float64(t.Milliseconds) / 1000
		} else {
			n.Tests += float64(t.Milliseconds) / 1000
		}
	}
	b.logf("%s: %.1f s, %.1f s CPU, peak %d MiB; %v", args, usage.Wall, usage.CPU, max(usage.PeakRSS, usage.TreePeakRSS)>>20,
		n.record.Times)
	return n, nil
}

// errorText returns the error that llac reports, shortened.
func errorText(out []byte) string {
	var answer struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(out, &answer) == nil && answer.Error != nil {
		out = answer.Error
	}
	return string(out[:min(len(out), 4000)])
}

// scale builds over the published data and measures one fact.
func (b Bench) scale(ctx context.Context, model, what string, args ...string) (Scale, error) {
	n, err := b.build(ctx, args...)
	if err != nil {
		return Scale{}, fmt.Errorf("%s: %w", what, err)
	}
	fact := n.marts.Mart(model)
	if fact == nil {
		return Scale{}, fmt.Errorf("%s: mart %s is missing", what, model)
	}
	s := Scale{Build: n.Build, Model: model, What: what, Rows: fact.Rows}
	for _, o := range fact.Objects {
		s.Bytes += o.Size
	}
	for _, m := range n.record.Models {
		if m.Name == model {
			s.ModelSeconds = float64(m.Milliseconds) / 1000
		}
	}
	for _, t := range n.record.Tests {
		if t.Type != "unit_test" && slices.Contains(t.About, model) {
			s.TestSeconds += float64(t.Milliseconds) / 1000
		}
	}
	b.logf("%s: %d rows, %.1f MB, built in %.1f s, tested in %.1f s", what, s.Rows, float64(s.Bytes)/1e6, s.ModelSeconds, s.TestSeconds)
	return s, nil
}

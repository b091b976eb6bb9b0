package cost

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// Run is what one run of a dataset needed, as its receipts say, and what a month of them comes to.
type Run struct {
	Dataset      string             `json:"dataset"`
	Slot         string             `json:"slot"`
	SourceSystem string             `json:"source_system"`
	Simulated    bool               `json:"simulated"`
	RunsAMonth   int                `json:"runs_a_month"` // by its contract's cadence; each is taken to find a new version
	Invocations  int                `json:"invocations"`
	Messages     int                `json:"messages"`
	GBSeconds    map[string]float64 `json:"gb_seconds"` // by service
	Puts         int                `json:"s3_puts"`
	Gets         int                `json:"s3_gets"`
	Published    int64              `json:"bytes_published"`
	Archived     int64              `json:"bytes_archived"`
	USD          float64            `json:"usd"`       // of one run at list price
	MonthUSD     float64            `json:"usd_month"` // of a month of them, with what they leave in the lake
	usages       []Usage            // of one run
}

// ErrNoRuns says that a lake holds no run to learn from.
var ErrNoRuns = errors.New("no run was published in this lake")

// Runs reads the last published run of each dataset whose contract is in force.
func (t Table) Runs(ctx context.Context, l ledger.Ledger, contracts []*contract.Contract, s *Standing, now time.Time) ([]Run, error) {
	requests, err := l.Requests(ctx, "")
	if err != nil {
		return nil, err
	}
	var out []Run
	for _, c := range contracts {
		for _, r := range requests { // the latest first
			if r.Dataset != c.Dataset {
				continue
			}
			timeline, err := l.Timeline(ctx, r, "")
			if err != nil {
				return nil, err
			}
			if timeline.State != ledger.Published {
				continue
			}
			one, err := t.run(ctx, l, timeline, s, len(c.References()))
			if err != nil {
				return nil, err
			}
			one.RunsAMonth = c.Slots(now, now.Add(Month))
			one.MonthUSD = t.List(one.month())
			out = append(out, one)
			break
		}
	}
	if len(out) == 0 {
		return nil, ErrNoRuns
	}
	return out, nil
}

// run counts what one run needed, of a dataset that refers to so many others.
func (t Table) run(ctx context.Context, l ledger.Ledger, timeline ledger.Timeline, s *Standing, references int) (Run, error) {
	r := Run{Dataset: timeline.Dataset, Slot: timeline.Slot, SourceSystem: timeline.SourceSystem, Simulated: timeline.Simulated, GBSeconds: map[string]float64{}, Published: timeline.BytesStaged}
	service := func(stage string) string {
		for _, f := range events.Flow {
			if stage == f.Service || strings.HasPrefix(stage, f.Service+"-") {
				return f.Service
			}
		}
		return stage
	}
	add := func(what, of string, n float64) {
		r.usages = append(r.usages, Usage{What: what, Service: of, Dataset: r.Dataset, Quantity: n})
	}
	puts, gets := map[string]int{}, map[string]int{}
	for _, h := range timeline.Hops {
		of := service(h.Stage)
		// Each hop is one message of one invocation: received with the polling, deleted by a call of its own.
		r.Invocations++
		r.Messages += len(h.Said)
		gb := h.DurationMS / 1000 * t.memory(s, of)
		r.GBSeconds[of] += gb
		add("lambda_request", of, 1)
		add("lambda_gb_second", of, gb)
		add("sqs_request", of, 2)
		add("sns_publish", of, float64(len(h.Said)))
		add("log_gb", of, t.assume("log_bytes")/1e9)
		add("log_gb_month", of, t.assume("log_bytes")/1e9)
		add("xray_trace", of, 1)
		gets[of]++ // is the receipt there
		puts[of]++ // the receipt
	}
	pages, files, runs := timeline.Pages, 0, max(1, len(timeline.Runs))
	pointer, err := l.Snapshot(ctx, timeline.Dataset, timeline.Snapshot)
	if err != nil {
		return r, err
	}
	if pointer != nil {
		for _, part := range pointer.Parts {
			if !part.CarriedOn {
				files += len(part.Objects)
			}
		}
	}
	// What each stage reads and writes, in the order of the flow. The contract is read once a process, and counted once.
	for of, n := range map[string][2]int{
		"scheduler":       {4 + 3*references, 3},                     // pointer, cursor, freshness, the request, those referred to; the request, cursor, freshness
		"fetcher":         {2 + runs, pages + runs},                  // pointer, cursor, what is there already; pages, manifests
		"validator":       {runs + pages, 0},                         // manifests, pages
		"stager":          {runs + pages, files + runs},              // the same; files, candidates
		"quality-gate":    {(6+2*references)*runs + files, 3 * runs}, // candidates, pointer, verdicts, those referred to, files; verdicts, pointer, history
		"landing-janitor": {(4+1)*runs + 2*pages, 2*runs + pages},    // pointer, verdict, candidate, manifests and pages, and both again from the archive; the archive, evidence
	} {
		gets[of] += n[0]
		puts[of] += n[1]
	}
	for _, of := range slices.Sorted(maps.Keys(gets)) { // in one order, so that sums of floats come out the same
		r.Gets, r.Puts = r.Gets+gets[of], r.Puts+puts[of]
		add("s3_get", of, float64(gets[of]))
		add("s3_put", of, float64(puts[of]))
	}
	add("glue_request", "quality-gate", float64(4+files/50)) // tables read and written, partitions in batches
	for _, e := range timeline.Evidence {
		doc, _, err := lake.ReadState[lake.Evidence](ctx, l.Lake, e.Key)
		if err != nil {
			return r, err
		}
		if doc == nil {
			continue
		}
		for _, d := range doc.Deletes {
			if d.Archive != nil {
				r.Archived += d.Archive.Size
			}
		}
	}
	r.USD = t.List(r.usages)
	return r, nil
}

// month is what a month of runs uses: each of them, and what stays in the lake of it. The archive stays for good and a
// superseded snapshot three months, so that the storage is that of the twelfth month.
func (r Run) month() []Usage {
	var out []Usage
	for _, u := range r.usages {
		u.Quantity *= float64(r.RunsAMonth)
		out = append(out, u)
	}
	kept := float64(r.Published)*(1+3*float64(r.RunsAMonth)) + float64(r.Archived)*12*float64(r.RunsAMonth)
	return append(out, Usage{What: "s3_gb_month", Dataset: r.Dataset, Quantity: kept / 1e9})
}

// Marts is what the builds of the marts use in a month: each reads every published snapshot, and no query is counted for
// less than 10 MB.
func (t Table) Marts(runs []Run) []Usage {
	published := 0.0
	for _, r := range runs {
		published += float64(r.Published)
	}
	queries := t.assume("mart_queries")
	scanned := max(published*2, queries*10e6) // models read the snapshots, tests read the models
	builds := t.assume("mart_builds")
	return []Usage{
		{What: "athena_gb", Service: "marts", Quantity: builds * scanned / 1e9},
		{What: "s3_get", Service: "marts", Quantity: builds * queries * 10},
		{What: "s3_put", Service: "marts", Quantity: builds * queries * 2},
	}
}

// Estimate is what a month costs.
type Estimate struct {
	AsOf         string    `json:"prices_as_of"`
	Region       string    `json:"region"`
	Env          string    `json:"env"`
	Standing     *Standing `json:"standing,omitempty"`
	Idle         []Line    `json:"idle,omitempty"`
	IdleUSD      float64   `json:"idle_usd"`
	Runs         []Run     `json:"runs,omitempty"`
	Services     []Share   `json:"services,omitempty"` // of the runs, at list price
	RunsUSD      float64   `json:"runs_usd"`           // what they add to an idle month
	MonthUSD     float64   `json:"month_usd"`
	Month        []Line    `json:"month"`
	Architecture float64   `json:"architecture_usd"`
	Budget       float64   `json:"budget_usd"` // 0: none is set for the environment
}

// Share is what a month of one service's work comes to.
type Share struct {
	Service string  `json:"service"`
	USD     float64 `json:"usd_month"`
}

// Estimate puts an idle month and its runs together. Either may be missing. Beside is what else stands in the account, idle, and
// uses up what is free; nil: nothing.
func (t Table) Estimate(env string, s *Standing, runs []Run, datasets int, beside *Standing) Estimate {
	e := Estimate{AsOf: t.AsOf, Region: t.Region, Env: env, Standing: s, Runs: runs, Architecture: t.Architecture, Budget: t.Budgets[env]}
	var idle, others []Usage
	if beside != nil {
		others = t.Idle(beside, datasets)
	}
	if s != nil {
		idle = t.Idle(s, datasets)
		e.Idle, e.IdleUSD = t.Bill(idle, others)
	}
	all := slices.Clone(idle)
	shares := map[string]float64{}
	var added []Usage
	for _, r := range runs {
		added = append(added, r.month()...)
	}
	if len(runs) > 0 {
		added = append(added, t.Marts(runs)...)
	}
	for _, u := range added {
		of := u.Service
		if of == "" {
			of = "storage"
		}
		shares[of] += u.Quantity * t.Prices[u.What].USD
	}
	for of, usd := range shares {
		e.Services = append(e.Services, Share{of, usd})
	}
	slices.SortFunc(e.Services, func(a, b Share) int { return strings.Compare(a.Service, b.Service) })
	e.Month, e.MonthUSD = t.Bill(append(all, added...), others)
	e.RunsUSD = e.MonthUSD - e.IdleUSD // what is free is taken off once
	return e
}

// Over says whether the month is dearer than the environment's budget.
func (e Estimate) Over() bool { return e.Budget > 0 && e.MonthUSD > e.Budget }

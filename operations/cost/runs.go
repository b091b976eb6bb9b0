package cost

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// Run is what one run of a dataset used, and what a month of such runs costs.
type Run struct {
	Dataset      string             `json:"dataset"`
	Slot         string             `json:"slot"`
	SourceSystem string             `json:"source_system"`
	Simulated    bool               `json:"simulated"`
	RunsAMonth   int                `json:"runs_a_month"` // by the contract's cadence; each is assumed to find a new version
	Invocations  int                `json:"invocations"`
	Uncounted    int                `json:"uncounted"` // invocations whose requests were not counted; 0 when all were
	Messages     int                `json:"messages"`
	GBSeconds    map[string]float64 `json:"gb_seconds"` // by service
	Puts         int                `json:"s3_puts"`    // with lists, which have the same price
	Gets         int                `json:"s3_gets"`
	Published    int64              `json:"bytes_published"`
	Archived     int64              `json:"bytes_archived"`
	USD          float64            `json:"usd"`       // of one run at list price
	MonthUSD     float64            `json:"usd_month"` // of a month of runs, with what they leave in the lake
	usages       []Usage            // of one run
}

// ErrNoRuns reports that a lake holds no published run.
var ErrNoRuns = errors.New("no run was published in this lake")

// Runs reads the last published run of each dataset whose contract is in force. The requests are those of ReadRequests.
func (t Table) Runs(ctx context.Context, l ledger.Ledger, requests map[string]Requests, contracts []*contract.Contract, s *Standing,
	now time.Time) ([]Run, error) {
	all, err := l.Requests(ctx, "")
	if err != nil {
		return nil, err
	}
	var out []Run
	for _, c := range contracts {
		timeline, err := lastPublished(ctx, l, all, c.Dataset)
		if err != nil {
			return nil, err
		}
		if timeline == nil {
			continue
		}
		r := t.run(*timeline, requests, s)
		if r.Archived, err = archived(ctx, l, *timeline); err != nil {
			return nil, err
		}
		r.RunsAMonth = c.Slots(now, now.Add(Month))
		r.MonthUSD = t.List(r.month())
		out = append(out, r)
	}
	if len(out) == 0 {
		return nil, ErrNoRuns
	}
	return out, nil
}

// lastPublished returns the timeline of the last request of a dataset that was published, or nil. requests has the latest first.
func lastPublished(ctx context.Context, l ledger.Ledger, requests []ledger.Request, dataset string) (*ledger.Timeline, error) {
	for _, r := range requests {
		if r.Dataset != dataset {
			continue
		}
		timeline, err := l.Timeline(ctx, r, "")
		if err != nil {
			return nil, err
		}
		if timeline.State == ledger.Published {
			return &timeline, nil
		}
	}
	return nil, nil
}

// run adds up what the deliveries of a run used. Each hop is one message and one invocation.
func (t Table) run(timeline ledger.Timeline, requests map[string]Requests, s *Standing) Run {
	r := Run{
		Dataset: timeline.Dataset, Slot: timeline.Slot, SourceSystem: timeline.SourceSystem, Simulated: timeline.Simulated,
		GBSeconds: map[string]float64{}, Published: timeline.BytesStaged,
	}
	for _, h := range timeline.Hops {
		service := serviceOf(h.Stage)
		if service == nil {
			continue // the operator's machine, which AWS does not bill
		}
		used, counted := requests[h.SpanID]
		if !counted {
			r.Uncounted++
			used.Published = len(h.Published)
		}
		r.add(t, *service, t.memory(s, *service)*h.DurationMS/1000, used)
	}
	r.USD = t.List(r.usages)
	return r
}

// add adds one invocation of a service.
func (r *Run) add(t Table, service runtime.Service, gbSeconds float64, used Requests) {
	r.Invocations++
	r.Messages += used.Published
	r.Gets += used.Gets
	r.Puts += used.Puts + used.Lists
	r.GBSeconds[service.Name] += gbSeconds
	add := func(what string, n float64) {
		r.usages = append(r.usages, Usage{What: what, Service: service.Name, Dataset: r.Dataset, Quantity: n})
	}
	add("lambda_request", 1)
	add("lambda_gb_second", gbSeconds)
	add("sqs_request", 2) // received and deleted
	add("sns_publish", float64(used.Published))
	add("s3_get", float64(used.Gets))
	add("s3_put", float64(used.Puts+used.Lists))
	add("log_gb", t.assume("log_bytes")/1e9)
	add("log_gb_month", t.assume("log_bytes")/1e9)
	add("xray_trace", 1)
	if service.Catalogue != nil { // the local cloud has no catalogue whose requests could be counted
		add("glue_request", t.assume("glue_requests"))
	}
}

// serviceOf returns the service of a stage, whose name may have a suffix ("scheduler-dependants"), or of a function
// ("llac-dev-scheduler"); nil if no service has that name.
func serviceOf(name string) *runtime.Service {
	for _, s := range services.All {
		if name == s.Name || strings.HasPrefix(name, s.Name+"-") || strings.HasSuffix(name, "-"+s.Name) {
			return &s
		}
	}
	return nil
}

// archived returns the size of what a run archived, by its evidence.
func archived(ctx context.Context, l ledger.Ledger, timeline ledger.Timeline) (int64, error) {
	var size int64
	for _, e := range timeline.Evidence {
		evidence, _, err := lake.ReadState[lake.Evidence](ctx, l.Lake, e.Key)
		if err != nil {
			return 0, err
		}
		if evidence == nil {
			continue
		}
		for _, d := range evidence.Deletes {
			if d.Archive != nil {
				size += d.Archive.Size
			}
		}
	}
	return size, nil
}

// month returns what a month of such runs uses, with what they leave in the lake. The archive is kept for good and a
// superseded snapshot for three months; the storage is that of the twelfth month.
func (r Run) month() []Usage {
	var out []Usage
	for _, u := range r.usages {
		u.Quantity *= float64(r.RunsAMonth)
		out = append(out, u)
	}
	kept := float64(r.Published)*(1+3*float64(r.RunsAMonth)) + float64(r.Archived)*12*float64(r.RunsAMonth)
	return append(out, Usage{What: "s3_gb_month", Dataset: r.Dataset, Quantity: kept / 1e9})
}

// Marts returns what the builds of the marts use in a month. Each build reads every published snapshot, and Athena bills at
// least 10 MB per query.
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
	RunsUSD      float64   `json:"runs_usd"`           // what the runs add to an idle month
	MonthUSD     float64   `json:"month_usd"`
	Month        []Line    `json:"month"`
	Architecture float64   `json:"architecture_usd"`
	Budget       float64   `json:"budget_usd"` // 0: the environment has none
}

// Share is what a month of one service's work costs.
type Share struct {
	Service string  `json:"service"`
	USD     float64 `json:"usd_month"`
}

// Estimate adds up an idle month and its runs. Either may be missing. neighbour is the idle part of what else exists in the
// account and uses the free allowances first; nil if nothing.
func (t Table) Estimate(env string, s *Standing, runs []Run, datasets int, neighbour *Standing) Estimate {
	e := Estimate{AsOf: t.AsOf, Region: t.Region, Env: env, Standing: s, Runs: runs, Architecture: t.Architecture, Budget: t.Budgets[env]}
	var idle, others, added []Usage
	if neighbour != nil {
		others = t.Idle(neighbour, datasets)
	}
	if s != nil {
		idle = t.Idle(s, datasets)
		e.Idle, e.IdleUSD = t.Bill(idle, others)
	}
	for _, r := range runs {
		added = append(added, r.month()...)
	}
	if len(runs) > 0 {
		added = append(added, t.Marts(runs)...)
	}
	e.Services = t.shares(added)
	e.Month, e.MonthUSD = t.Bill(append(slices.Clone(idle), added...), others)
	e.RunsUSD = e.MonthUSD - e.IdleUSD // the free allowances are subtracted once
	return e
}

// shares adds usages up by service, at list price.
func (t Table) shares(usages []Usage) []Share {
	sums := map[string]float64{}
	for _, u := range usages {
		service := u.Service
		if service == "" {
			service = "storage"
		}
		sums[service] += u.Quantity * t.Prices[u.What].USD
	}
	var out []Share
	for service, usd := range sums {
		out = append(out, Share{service, usd})
	}
	slices.SortFunc(out, func(a, b Share) int { return strings.Compare(a.Service, b.Service) })
	return out
}

// Over reports whether the month costs more than the environment's budget.
func (e Estimate) Over() bool { return e.Budget > 0 && e.MonthUSD > e.Budget }

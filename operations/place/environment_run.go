package place

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/fault"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

const (
	// pollInterval is how often the receipts of a followed run are read.
	pollInterval = time.Second
	// silentAfter is how long a request may leave no receipt before that is reported.
	silentAfter = time.Minute
)

// following is one run that is followed.
type following struct {
	ledger.Request
	why     string
	account ledger.Account
	stuck   string // why it cannot end by itself; empty: it can
}

func (f *following) ended() bool { return f.stuck != "" || f.account.State().Ended() }

// Run asks the scheduler of the environment for runs, and follows them by their receipts.
func (e *environment) Run(ctx context.Context, r RunRequest) (Run, error) {
	contracts, err := e.Contracts(ctx)
	if err != nil {
		return Run{}, err
	}
	wanted, err := pipeline.Choose(contracts, r.Datasets)
	if err != nil {
		return Run{}, err
	}
	out := Run{Detached: r.Detach}
	out.Portals, out.StartedAt = "the portals of the contracts in force in "+e.Env, e.Now()
	runs, err := e.askAll(ctx, contracts, wanted, r)
	if err != nil {
		return Run{}, err
	}
	l := ledger.Ledger{Lake: e.lake()}
	if !r.Detach {
		err = e.follow(ctx, l, runs, r)
	}
	for _, f := range runs {
		o, summaryErr := outcome(context.WithoutCancel(ctx), l, f)
		err = errors.Join(err, summaryErr)
		out.Datasets = append(out.Datasets, o)
	}
	out.FinishedAt = e.Now()
	switch {
	case r.Detach:
		return out, err
	case ctx.Err() != nil:
		err = fault.New(fault.Interrupted, errors.New("stopped following; the run continues in "+e.Env), e.Command("runs")+" shows it")
	case errors.Is(err, pipeline.ErrTimeout):
		err = fault.New(fault.Timeout, err, e.Command("runs")+" shows its progress: it continues in "+e.Env)
	}
	return out, err
}

// askAll asks for a run of each wanted dataset, and of those that they refer to and that were never published.
func (e *environment) askAll(ctx context.Context, contracts, wanted []*contract.Contract, r RunRequest) ([]*following, error) {
	all, why, err := pipeline.WithReferences(ctx, e.lake(), contracts, wanted, r.Notice)
	if err != nil {
		return nil, err
	}
	var runs []*following
	for _, c := range all {
		one := r
		if !slices.Contains(wanted, c) { // a dataset that another refers to is run whole
			one.Slices, one.Reason = nil, why[c.Dataset]
		}
		f, err := e.ask(ctx, c, one)
		if err != nil {
			return nil, err
		}
		r.Notice(fmt.Sprintf("Requested run %s of %s in %s.", f.Slot, f.Dataset, e.Env))
		runs = append(runs, f)
	}
	return runs, nil
}

// ask asks for one run of a dataset.
func (e *environment) ask(ctx context.Context, c *contract.Contract, r RunRequest) (*following, error) {
	at, err := pipeline.FreeSlot(ctx, e.lake(), c.Dataset, e.Now().UTC())
	if err != nil {
		return nil, err
	}
	why := cmp.Or(r.Reason, "requested")
	p := events.RunRequested{Dataset: c.Dataset, RequestedAt: at, RequestedBy: r.By, Reason: why, Trigger: "manual", Slices: r.Slices,
		Force: r.Force}
	if err := e.account.Publish(ctx, e.Env, pipeline.Request(p)); err != nil {
		return nil, fault.New(fault.Failed, fmt.Errorf("request a run of %s in %s: %w", c.Dataset, e.Env, err),
			"check your permission to publish on the operator's topic; make stacks ENV="+e.Env+" creates the topic")
	}
	return &following{Request: ledger.Request{Dataset: c.Dataset, Slot: lake.Slot(at)}, why: why}, nil
}

// follow reads the receipts until every run has ended, or cannot end by itself.
func (e *environment) follow(ctx context.Context, l ledger.Ledger, runs []*following, r RunRequest) error {
	ctx, cancel := withTimeout(ctx, r.Timeout)
	defer cancel()
	started, reported := time.Now(), false
	for {
		received := false
		progress := make([]pipeline.Progress, len(runs))
		for i, f := range runs {
			if !f.ended() {
				if err := f.update(ctx, l, runs); err != nil {
					return interrupted(ctx, err)
				}
			}
			received = received || f.account.Started()
			progress[i] = pipeline.Progress{Dataset: f.Dataset, Slot: f.Slot, Progress: f.account.Progress()}
		}
		r.Progress(progress)
		if !slices.ContainsFunc(runs, func(f *following) bool { return !f.ended() }) {
			return nil
		}
		if !received && !reported && time.Since(started) > silentAfter {
			reported = true
			r.Notice("No service has received the request yet; " + e.Command("doctor") + " looks for the cause.")
		}
		if err := (clock.System{}).Sleep(ctx, pollInterval); err != nil {
			return interrupted(ctx, err)
		}
	}
}

// update reads the receipts of a run. others are all runs that are followed.
func (f *following) update(ctx context.Context, l ledger.Ledger, others []*following) error {
	emitted, err := l.Emitted(ctx, f.Request)
	if err != nil {
		return err
	}
	for _, e := range emitted {
		f.account.Add(e)
	}
	if f.account.Started() {
		return nil
	}
	waiting, err := pipeline.HeldBack(ctx, l.Lake, f.Dataset)
	if err != nil || waiting == "" {
		return err
	}
	// It may wait for one of the others.
	if !slices.ContainsFunc(others, func(o *following) bool { return o != f && !o.ended() }) {
		f.stuck = "held back until " + waiting + " is published"
	}
	return nil
}

// outcome summarizes a followed run.
func outcome(ctx context.Context, l ledger.Ledger, f *following) (pipeline.Outcome, error) {
	o := pipeline.Outcome{Why: f.why}
	var err error
	if o.Summary, err = l.Summary(ctx, f.Dataset, f.Slot); noRun(err) {
		o.Summary, err = ledger.Summary{Dataset: f.Dataset, Slot: f.Slot, State: ledger.Requested}, nil
	}
	if f.stuck != "" {
		o.State, o.Reason = ledger.Held, f.stuck
	}
	return o, err
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// wish is what is asked of an environment.
type wish struct {
	datasets []string // empty: all
	slices   []string // of the one dataset named; empty: all
	reason   string
	force    bool
	timeout  time.Duration
	detach   bool
}

const (
	// looking is how often the receipts are looked for while a run is followed.
	looking = time.Second
	// unheard is after how long without any receipt a person is told that nobody seems to listen.
	unheard = time.Minute
)

// following is one run in an environment that is followed.
type following struct {
	ledger.Request
	why     string
	account ledger.Account
	stuck   string // why it will not end by itself; empty: it may
}

func (f *following) ended() bool { return f.stuck != "" || f.account.State().Ended() }

// runThere asks the scheduler of the environment for runs, and follows them.
func (a *App) runThere(ctx context.Context, w wish) (reply, error) {
	account, err := a.enter(ctx)
	if err != nil {
		return reply{}, err
	}
	contracts, err := a.inForce(ctx)
	if err != nil {
		return reply{}, err
	}
	wanted, err := pipeline.Choose(contracts, w.datasets)
	if err != nil {
		return reply{}, err
	}
	screen := a.newScreen()
	notice := a.notices(screen)
	store := account.Lake(a.env)
	out := runReply{Result: pipeline.Result{Portals: "the portals of the contracts in force in " + a.env, StartedAt: a.Clock.Now()}}
	all, why, err := pipeline.WithReferences(ctx, store, contracts, wanted, notice)
	if err != nil {
		return reply{}, err
	}
	var runs []*following
	for _, c := range all {
		one := w
		if !slices.Contains(wanted, c) { // what a dataset refers to is run whole
			one.slices, one.reason = nil, why[c.Dataset]
		}
		f, err := a.ask(ctx, account, store, c, one)
		if err != nil {
			return reply{}, err
		}
		notice(fmt.Sprintf("Asked %s for run %s of %s.", a.env, f.Slot, f.Dataset))
		runs = append(runs, f)
	}
	l := ledger.Ledger{Lake: store}
	if !w.detach {
		err = a.follow(ctx, l, runs, w.timeout, screen)
		screen.clear()
	}
	for _, f := range runs {
		o, summed := pipeline.Outcome{Why: f.why}, error(nil)
		if o.Summary, summed = l.Summary(context.WithoutCancel(ctx), f.Dataset, f.Slot); errors.Is(summed, ledger.ErrNoRun) {
			o.Summary, summed = ledger.Summary{Dataset: f.Dataset, Slot: f.Slot, State: ledger.Requested}, nil
		}
		if f.stuck != "" {
			o.State, o.Reason = ledger.Held, f.stuck
		}
		err = errors.Join(err, summed)
		out.Datasets = append(out.Datasets, o)
	}
	out.FinishedAt = a.Clock.Now()
	r := reply{data: out, text: func(t *text) {
		if w.detach {
			t.line("Not followed: %s shows what becomes of it.", a.llac("runs"))
			return
		}
		outcomes(t, out.Result)
		t.line("\n%s tells a run hop by hop; %s where every dataset stands.", a.llac("show <run>"), a.llac("status"))
	}}
	switch {
	case w.detach:
	case ctx.Err() != nil:
		err = fail(exitInterrupted, errors.New("no longer followed; the run goes on in "+a.env), a.llac("runs")+" shows it")
	case errors.Is(err, pipeline.ErrTimeout):
		err = fail(exitTimeout, err, a.llac("runs")+" shows how far it is: it goes on in "+a.env)
	case err == nil && !out.Good():
		err = a.ill(out.Result)
	}
	return r, err
}

// ask asks for a run of a dataset.
func (a *App) ask(ctx context.Context, account deploy.Account, store lake.Store, c *contract.Contract, w wish) (*following, error) {
	at, err := pipeline.FreeSlot(ctx, store, c.Dataset, a.Clock.Now().UTC())
	if err != nil {
		return nil, err
	}
	why := w.reason
	if why == "" {
		why = "asked for"
	}
	p := events.RunRequested{Dataset: c.Dataset, RequestedAt: at, RequestedBy: whoami(), Reason: why, Trigger: "manual", Slices: w.slices, Force: w.force}
	if err := account.Tell(ctx, a.env, pipeline.Request(p)); err != nil {
		return nil, fail(exitError, fmt.Errorf("ask %s for a run of %s: %w", a.env, c.Dataset, err), "make stacks ENV="+a.env+" makes the operator's topic; may you publish on it?")
	}
	return &following{Request: ledger.Request{Dataset: c.Dataset, Slot: lake.Slot(at)}, why: why}, nil
}

// follow looks at the receipts until every run has come to its end, or to where nothing moves it on.
func (a *App) follow(ctx context.Context, l ledger.Ledger, runs []*following, timeout time.Duration, screen *screen) error {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, pipeline.ErrTimeout)
		defer cancel()
	}
	begun, told := time.Now(), false
	for {
		heard := false
		shown := make([]pipeline.Progress, len(runs))
		for i, f := range runs {
			if !f.ended() {
				if err := look(ctx, l, f, runs); err != nil {
					return cause(ctx, err)
				}
			}
			heard = heard || f.account.Started()
			shown[i] = pipeline.Progress{Dataset: f.Dataset, Slot: f.Slot, Progress: f.account.Progress()}
		}
		if !a.json {
			screen.progress(shown)
		}
		if !slices.ContainsFunc(runs, func(f *following) bool { return !f.ended() }) {
			return nil
		}
		if !heard && !told && time.Since(begun) > unheard {
			told = true
			a.notices(screen)("No service has taken it yet; " + a.llac("doctor") + " looks why.")
		}
		if err := (clock.System{}).Sleep(ctx, looking); err != nil {
			return cause(ctx, err)
		}
	}
}

func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// look takes what the receipts say of a run into its account.
func look(ctx context.Context, l ledger.Ledger, f *following, runs []*following) error {
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
	// Another of ours may yet be what it waits for.
	if !slices.ContainsFunc(runs, func(o *following) bool { return o != f && !o.ended() }) {
		f.stuck = "held back until " + waiting + " is published"
	}
	return nil
}

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/operations/ingest"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// Options select what is run, and have the settings of the pipeline.
type Options struct {
	Settings
	Contracts string        // folder of the contracts
	Datasets  []string      // names; empty: every contract
	Slices    []string      // only these slices of the one dataset (a backfill); empty: all
	Force     bool          // fetch even if the source reports no change
	Timeout   time.Duration // after which the work is left to a later run; 0: none
	By        string        // who requests it, for the record
	// Ingest is landed instead of fetching the one dataset of Datasets; nil: the dataset is fetched.
	Ingest *ingest.Collection

	Progress func([]Progress) // called whenever there is progress; nil: not reported
	Notice   func(string)     // called with what a person should know at once; nil: not reported
}

// Result is the result of a run.
type Result struct {
	Portal     string    `json:"portal"` // the --portal of this run
	Portals    string    `json:"portals"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	Datasets   []Outcome `json:"datasets"`
}

// Outcome is the result of one request.
type Outcome struct {
	ledger.Summary
	Why     string        `json:"why"` // why it was run
	Resumed bool          `json:"resumed"`
	Table   *ledger.Table `json:"table,omitempty"` // the published snapshot, whichever run published it
}

// Good reports whether every dataset is published or unchanged.
func (r Result) Good() bool {
	return !slices.ContainsFunc(r.Datasets, func(o Outcome) bool { return !o.State.Good() })
}

// The errors of a run that ends before its datasets do. Work in progress is kept, and the next run continues it.
var (
	ErrInterrupted = errors.New("interrupted")
	ErrTimeout     = errors.New("not finished in time")
)

// UnknownDatasetError names datasets that no contract describes.
type UnknownDatasetError struct {
	Names []string
	Known []string
}

func (e *UnknownDatasetError) Error() string {
	return fmt.Sprintf("no contract describes %s; there are contracts of %s", strings.Join(e.Names, ", "), strings.Join(e.Known, ", "))
}

// FolderError reports that the folder of the contracts cannot be read, or has no contract.
type FolderError struct{ Err error }

func (e *FolderError) Error() string { return e.Err.Error() }
func (e *FolderError) Unwrap() error { return e.Err }

// LoadContracts reads the contracts of a folder. The error is contract.Problems or a *FolderError.
func LoadContracts(folder string) ([]*contract.Contract, error) {
	contracts, err := contract.LoadDir(folder)
	var problems contract.Problems
	if err != nil && !errors.As(err, &problems) {
		err = &FolderError{err}
	}
	return contracts, err
}

// Run fetches and publishes datasets in this process, and returns when each has ended.
//
// The error is contract.Problems if a contract is invalid (nothing is started then), *FolderError, *UnknownDatasetError,
// *aws.OwnedError if another process owns the directory, ErrInterrupted if ctx ended, or ErrTimeout. A dataset that failed
// or was rejected is not an error: Result has it. After ErrInterrupted and ErrTimeout, Result has the state of each request.
func Run(ctx context.Context, o Options) (Result, error) {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Progress == nil {
		o.Progress = func([]Progress) {}
	}
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	// Nothing is started while a contract is invalid.
	contracts, err := LoadContracts(o.Contracts)
	if err != nil {
		return Result{}, err
	}
	wanted, err := Choose(contracts, o.Datasets)
	if err != nil {
		return Result{}, err
	}
	r := &runner{Options: o, contracts: contracts}
	if o.Ingest != nil {
		// Problems of the files are reported before anything is started.
		if r.collected, err = ingest.Read(wanted[0], *o.Ingest); err != nil {
			return Result{}, err
		}
	}
	r.result = Result{Portal: o.Portal, StartedAt: o.Clock.Now()}
	if r.result.Portal == "" {
		r.result.Portal = PortalSimulator
	}
	o.Trouble = o.Notice
	if r.Pipeline, err = Start(ctx, o.Settings); err != nil {
		if ctx.Err() != nil {
			return r.result, errors.Join(ErrInterrupted, err)
		}
		return Result{}, err
	}
	err = r.run(ctx, wanted)
	if closing := r.Close(); closing != nil {
		err = errors.Join(err, closing)
	}
	r.result.FinishedAt = o.Clock.Now()
	return r.result, err
}

// Choose returns the contracts with the names; no names mean all. The error is an *UnknownDatasetError.
func Choose(contracts []*contract.Contract, names []string) ([]*contract.Contract, error) {
	if len(names) == 0 {
		return contracts, nil
	}
	var chosen []*contract.Contract
	var unknown []string
	for _, name := range names {
		c := find(contracts, name)
		switch {
		case c == nil:
			unknown = append(unknown, name)
		case !slices.Contains(chosen, c):
			chosen = append(chosen, c)
		}
	}
	if len(unknown) > 0 {
		e := &UnknownDatasetError{Names: unknown}
		for _, c := range contracts {
			e.Known = append(e.Known, c.Dataset)
		}
		return nil, e
	}
	return chosen, nil
}

func find(contracts []*contract.Contract, dataset string) *contract.Contract {
	for _, c := range contracts {
		if c.Dataset == dataset {
			return c
		}
	}
	return nil
}

// runner is one Run.
type runner struct {
	Options
	*Pipeline
	contracts []*contract.Contract
	ledger    ledger.Ledger
	docket    *docket
	requests  []Pending // that this run waits for
	resumed   map[ledger.Request]bool
	nudged    bool
	announced map[ledger.Request]time.Time // until when a request waits, as the person was informed
	collected *ingest.Pages                // pages collected by hand; nil: none
	result    Result
}

func (r *runner) run(ctx context.Context, wanted []*contract.Contract) error {
	store := r.Cloud.Lake()
	r.ledger, r.resumed = ledger.Ledger{Lake: store}, map[ledger.Request]bool{}
	r.announced = map[ledger.Request]time.Time{}
	r.result.Portals = r.Pipeline.Portals
	r.Notice("Reading " + r.Pipeline.Portals + ".")
	if err := r.prepare(ctx, store, wanted); err != nil {
		return r.interrupted(ctx, err)
	}
	timeout := ctx
	if r.Timeout > 0 {
		var cancel context.CancelFunc
		timeout, cancel = context.WithTimeoutCause(ctx, r.Timeout, ErrTimeout)
		defer cancel()
	}
	err := r.wait(timeout)
	return errors.Join(r.interrupted(timeout, err), r.conclude(context.WithoutCancel(ctx), store))
}

// interrupted replaces an error that the end of ctx caused with ErrInterrupted or ErrTimeout.
func (r *runner) interrupted(ctx context.Context, err error) error {
	switch {
	case err == nil || ctx.Err() == nil:
		return err
	case errors.Is(context.Cause(ctx), ErrTimeout):
		return ErrTimeout
	}
	return ErrInterrupted
}

// prepare deploys the contracts, resumes unfinished requests, and makes the new ones.
func (r *runner) prepare(ctx context.Context, store lake.Store, wanted []*contract.Contract) error {
	if err := runtime.DeployContracts(ctx, r.Cloud.Contracts(), r.contracts); err != nil {
		return fmt.Errorf("deploy the contracts: %w", err)
	}
	var err error
	if err := writePortal(r.Dir, r.result.Portal); err != nil {
		return err
	}
	if r.docket, err = readDocket(r.Dir); err != nil {
		return err
	}
	if err := r.resume(ctx); err != nil {
		return err
	}
	if r.collected != nil {
		return r.ingest(ctx, store, wanted[0].Dataset)
	}
	return r.requestAll(ctx, store, wanted)
}

// requestAll requests each dataset that is not in progress, and those that they refer to.
func (r *runner) requestAll(ctx context.Context, store lake.Store, wanted []*contract.Contract) error {
	all, why, err := WithReferences(ctx, store, r.contracts, wanted, r.Notice)
	if err != nil {
		return err
	}
	var fresh []Pending
	for _, c := range all {
		if slices.ContainsFunc(r.requests, func(p Pending) bool { return p.Dataset == c.Dataset }) {
			continue
		}
		var named []string
		if slices.Contains(wanted, c) { // datasets that it refers to are run whole
			named = r.Slices
		}
		p, err := r.request(ctx, store, c.Dataset, why[c.Dataset], named)
		if err != nil {
			return err
		}
		fresh = append(fresh, p)
		r.tracker.watch(p.Request(), false)
	}
	// The request is on disk before it is published: kill -9 between the two loses nothing.
	if len(fresh) > 0 {
		if err := r.docket.add(fresh...); err != nil {
			return err
		}
	}
	r.requests = append(r.requests, fresh...)
	for _, p := range fresh {
		if err := r.publish(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// ingest lands the collected pages and publishes their event. If the process dies before the request is on disk, nothing was
// published: the command is run again, and the janitor sweeps the landed pages.
func (r *runner) ingest(ctx context.Context, store lake.Store, dataset string) error {
	p, err := r.land(ctx, store, r.collected, dataset)
	if err != nil {
		return err
	}
	r.tracker.watch(p.Request(), false)
	if err := r.docket.add(p); err != nil {
		return err
	}
	r.requests = append(r.requests, p)
	return r.publish(ctx, p)
}

// WithReferences adds the datasets that the wanted ones refer to and that were never published, because the scheduler holds
// a dataset back until they are. They come first. The map has the reason for each.
func WithReferences(ctx context.Context, store lake.Store, contracts, wanted []*contract.Contract,
	notice func(string)) ([]*contract.Contract, map[string]string, error) {
	why := map[string]string{}
	var out []*contract.Contract
	var add func(c *contract.Contract, because string) error
	add = func(c *contract.Contract, because string) error {
		if slices.Contains(out, c) {
			return nil
		}
		for _, name := range c.References() {
			other := find(contracts, name) // it exists: the contracts were checked together
			if other == nil || slices.Contains(wanted, other) {
				continue
			}
			pointer, _, err := lake.ReadPointer(ctx, store, name)
			if err != nil {
				return err
			}
			if pointer == nil {
				if !slices.Contains(out, other) {
					notice(fmt.Sprintf("Also running %s: %s refers to it, and it was never published.", name, c.Dataset))
				}
				if err := add(other, c.Dataset+" refers to it"); err != nil {
					return err
				}
			}
		}
		out = append(out, c)
		why[c.Dataset] = because
		return nil
	}
	for _, c := range wanted {
		if err := add(c, "requested"); err != nil {
			return nil, nil, err
		}
	}
	return out, why, nil
}

// conclude reads the result of each request from the receipts, and removes those that have ended from the docket.
func (r *runner) conclude(ctx context.Context, store lake.Store) error {
	var problems []error
	for _, p := range r.requests {
		o, err := r.outcome(ctx, store, p)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		r.result.Datasets = append(r.result.Datasets, o)
		if _, _, ended := r.tracker.state(p.Request()); ended || o.State.Ended() {
			problems = append(problems, r.docket.strike(p.Request()))
		}
	}
	return errors.Join(problems...)
}

func (r *runner) outcome(ctx context.Context, store lake.Store, p Pending) (Outcome, error) {
	o := Outcome{Why: p.Why, Resumed: r.resumed[p.Request()]}
	var err error
	o.Summary, err = r.ledger.Summary(ctx, p.Dataset, p.Slot)
	if errors.Is(err, ledger.ErrNoRun) {
		o.Summary, err = ledger.Summary{Dataset: p.Dataset, Slot: p.Slot, State: ledger.Requested}, nil
	}
	if err != nil {
		return o, err
	}
	if _, _, ended := r.tracker.state(p.Request()); ended && !o.State.Ended() {
		if o.Reason, err = r.stuck(ctx, store, p.Dataset); err != nil {
			return o, err
		}
		if o.State != ledger.Held {
			o.State = ledger.Failed
		}
	}
	pointer, _, err := lake.ReadPointer(ctx, store, p.Dataset)
	if err != nil || pointer == nil {
		return o, err
	}
	if c := find(r.contracts, p.Dataset); c != nil {
		t := ledger.TableOf(pointer, c, r.place)
		o.Table = &t
	}
	return o, nil
}

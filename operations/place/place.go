// Package place gives operators one interface to the places where Llac runs: a state directory of this machine, and an
// environment of an AWS account.
//
// The nouns. An Address selects a place and writes command lines that select it. A Place is an opened address: it reads
// the lake and the queues, asks for runs and follows them, builds marts, and checks itself.
//
// What must hold: a caller never asks which kind of place it has. What a place cannot do is an error of kind
// fault.Unsupported with what to do instead.
package place

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/llac-project/llac/operations/checks"
	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/fault"
	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/ingest"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/views"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// Place is where Llac runs.
type Place interface {
	// Name identifies the place in messages: the path of a directory, the name of an environment.
	Name() string

	// Ledger reads the lake. It works while the services run and does not disturb them. The error is a
	// *pipeline.NoLakeError if nothing has run yet.
	Ledger() (ledger.Ledger, error)

	// Config returns the bucket of the contracts. It has every contract that a snapshot or a run is pinned to.
	Config() lake.Store

	// Contracts returns the contracts in force: those that the services use.
	Contracts(ctx context.Context) ([]*contract.Contract, error)

	// RunContracts returns the contracts that the next run uses.
	RunContracts(ctx context.Context) ([]*contract.Contract, error)

	// PlanContracts compares contracts with those in force; the plan puts them in force.
	PlanContracts(ctx context.Context, contracts []*contract.Contract, remove []string) (*deploy.ContractPlan, error)

	// Unfinished lists the requests that an interrupted run left, which the next run resumes.
	Unfinished() ([]pipeline.Pending, error)

	// DeadLetters lists the messages that a service could not process, oldest first. Service "" means all.
	DeadLetters(ctx context.Context, service string) (DeadLetters, error)

	// Replay sends dead letters back to their services.
	Replay(ctx context.Context, r ReplayRequest) (Replayed, error)

	// Run asks for runs of datasets and waits until each has ended. The result is complete also after a timeout.
	Run(ctx context.Context, r RunRequest) (Run, error)

	// RunBuildsMarts reports whether the marts are built after every run. If not, they are built on their own.
	RunBuildsMarts() bool

	// RunsHere reports whether Run, Ingest and Replay run the services in this process, with the settings Local of their
	// requests. If not, Local has no effect.
	RunsHere() bool

	// WhenStopped describes, for people, what becomes of the work of Run, Ingest and Replay when their ctx ends.
	WhenStopped() string

	// Ingest lands files that a person collected, and has them validated, staged and published.
	Ingest(ctx context.Context, c ingest.Collection, r RunRequest) (Ingested, error)

	// Marts returns the workspace in which the marts are built.
	Marts() marts.Workspace

	// Tables returns what is published as tables for a query engine.
	Tables(ctx context.Context) (views.Tables, error)

	// Check looks for what keeps Llac from working.
	Check(ctx context.Context) []checks.Finding
}

// The defaults of an Address.
const (
	DefaultDir       = ".llac"
	DefaultContracts = "datasets"
)

// Address selects a place.
type Address struct {
	Dir       string // state directory; with Env, where this machine keeps copies of the environment's files
	Env       string // environment of the AWS account; empty: the place is Dir
	Contracts string // folder of the contracts
}

// Options are what opening a place needs.
type Options struct {
	Clock clock.Clock
	// Account returns the account that an environment is in. Nil: the account of the credentials that AWS tools find.
	Account func(ctx context.Context, env string) (deploy.Account, error)
}

// Open opens the place. The error is a *deploy.CredentialsError or a *deploy.NoEnvironmentError for an environment; a
// directory is always opened, and need not exist.
func (a Address) Open(ctx context.Context, o Options) (Place, error) {
	if a.Env == "" {
		return &directory{Address: a, Clock: o.Clock}, nil
	}
	if o.Account == nil {
		o.Account = Account
	}
	account, err := o.Account(ctx, a.Env)
	if err == nil {
		// Queues that do not exist look empty: a misspelt name must not look like an environment without problems.
		err = account.Enter(ctx, a.Env)
	}
	if err != nil {
		return nil, err
	}
	return &environment{Address: a, Clock: o.Clock, account: account}, nil
}

// Account finds the account of an environment by the credentials that AWS tools find.
func Account(ctx context.Context, env string) (deploy.Account, error) {
	if err := deploy.CheckEnv(env); err != nil {
		return deploy.Account{}, fault.New(fault.Usage, err, "--env dev")
	}
	return deploy.Open(ctx)
}

// Command returns a command line for this place: llac, the words, and the flags that select the place. Flags that the
// command does not have, and those with their default values, are left out.
func (a Address) Command(words string) string {
	line := "llac " + words
	verb, _, _ := strings.Cut(words, " ")
	if a.Env != "" && verb != "deploy" && !strings.HasPrefix(words, "datasets check") {
		line += " --env " + a.Env
	}
	if a.Dir != DefaultDir && (a.Env == "" || verb == "marts") && verb != "datasets" {
		line += " --dir " + format.ShellWord(a.Dir)
	}
	if a.Contracts != DefaultContracts && (verb == "datasets" || a.Env == "" && (verb == "run" || verb == "marts")) {
		line += " --datasets " + format.ShellWord(a.Contracts)
	}
	return line
}

// unsupported is the error of what a kind of place cannot do.
func unsupported(what, kind, instead string) error {
	return fault.New(fault.Unsupported, fmt.Errorf("%s is not supported in %s", what, kind), instead)
}

// Process is the process that owns a state directory.
type Process struct {
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Command string    `json:"command"`
}

// DeadLetters are the messages that services could not process.
type DeadLetters struct {
	Letters []pipeline.Letter
	Running *Process // the process that runs the services; nil if none, or in an environment
}

// ReplayRequest selects dead letters to send back.
type ReplayRequest struct {
	Service string // only letters of this service; empty: of all
	Match   func(pipeline.Letter) bool
	Timeout time.Duration // how long to wait for the services; 0: no limit
	Notice  func(string)

	Local pipeline.Settings // how the services run, if the place RunsHere
}

// Replayed is the result of a replay.
type Replayed struct {
	Replayed []pipeline.Letter `json:"replayed"`
	Runs     []ledger.Summary  `json:"runs"`              // their runs afterwards; empty if other processes handle the messages
	Again    []pipeline.Letter `json:"again"`             // messages that failed again
	Running  *Process          `json:"running,omitempty"` // the process that handles the messages

	Note string `json:"-"` // who handles the messages, if it is neither this process nor Running
}

// Good reports whether no message failed again and every run has ended well.
func (r Replayed) Good() bool {
	if len(r.Again) > 0 {
		return false
	}
	for _, s := range r.Runs {
		if s.State.Ended() && !s.State.Good() && s.State != ledger.Superseded {
			return false
		}
	}
	return true
}

// RunRequest asks for runs.
type RunRequest struct {
	Datasets []string // empty: all
	Slices   []string // only these slices of the one dataset; empty: all
	Reason   string   // for the record; empty: "requested"
	By       string   // who asks, for the record
	Force    bool     // fetch even if the source reports no change
	Timeout  time.Duration
	Detach   bool // ask, and do not wait

	Notice   func(string)
	Progress func([]pipeline.Progress)

	Local pipeline.Settings // how the services run, if the place RunsHere
}

// Run is the result of runs.
type Run struct {
	pipeline.Result
	Detached bool   `json:"-"` // the result has no outcome: the caller did not wait
	Files    *Files `json:"-"` // of the place, if they are on this machine
}

// Files are the paths of a state directory that a person may open.
type Files struct{ Staging, Log, Spans string }

// Ingested is the result of an ingestion: a run, or what was landed for the services elsewhere to process.
type Ingested struct {
	Run    *Run
	Landed *Landed
}

// Landed describes pages that were landed in an environment.
type Landed struct {
	Env          string `json:"env"`
	Dataset      string `json:"dataset"`
	RunID        string `json:"run_id"`
	Pages        int    `json:"pages"`
	Rows         int64  `json:"rows"`
	SourceSystem string `json:"source_system"`
}

// interrupted replaces the error of a call that ended because ctx did with the reason for that.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// withTimeout bounds ctx by a timeout with the cause pipeline.ErrTimeout; 0 means no limit.
func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, timeout, pipeline.ErrTimeout)
}

// noRun reports whether a request left nothing in the lake.
func noRun(err error) bool { return errors.Is(err, ledger.ErrNoRun) }

package runtime

import (
	"context"
	"log/slog"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/telemetry"
)

// Handler handles one event and returns the events that follow from it. An error with the method Permanent() is final; every
// other error is retried. Events are made with events.New; the runtime stamps and publishes them.
type Handler func(ctx context.Context, in events.Event) ([]events.Event, error)

// Service is one microservice. The value states everything that others need to know of it: the same value runs in Lambda, as
// a consumer, inside `llac run` and in tests, and Terraform, the ledger and the costs read from it. Check names what a value
// leaves out.
type Service struct {
	Name     string   // also the name of its topic, queue and receipts: "quality-gate"
	Consumes []string // event types, in full
	Emits    []string // event types, in full; the runtime refuses every other
	New      Constructor
	Size     Size
	Stage    Stage              // its place in a run
	Series   []telemetry.Series // measurements of its own that become CloudWatch metrics

	// Receipt returns the key under which the service records that it has handled the event. An empty key means that handling
	// the event twice has no further effect, so that no receipt is kept.
	Receipt func(events.Event) string

	// GaveUp declares what follows when a message goes to the dead-letter queue. The runtime guesses nothing: a run fails only
	// where its service says so.
	GaveUp func(in events.Event, f events.Failure) Abandoned

	// Catalogue makes the port to the query engine's tables. Only a service that asks for the port Catalogue sets it; the
	// others do not link the client of Glue.
	Catalogue func(Ports, CatalogueOptions) Catalogue
}

// Ports are all through which a handler can reach anything outside itself (invariant 9). A service receives those that it asks
// for; see Construct.
type Ports struct {
	Lake      lake.Store // the data bucket
	Contracts Contracts
	Portal    func(kind string) (source.Client, error)
	// BaseURL answers where a portal is really to be asked, given the contract's address: the same, or what
	// --portal says.
	BaseURL    func(kind, contractURL string) string
	Clock      clock.Clock
	NewAttempt func() string // short random id of a try, [0-9a-z]+
	Metrics    telemetry.Metrics
	Log        *slog.Logger
	Build      string // version of this build
	// AllowSimulated lets the gate publish simulated data: true on a laptop, never in the cloud (invariant 11).
	AllowSimulated bool
	// Memory is how many bytes the process is to stay within; 0: as the stage sees fit.
	Memory int64
	// Temporary is the folder for what does not fit into memory; empty: the system's.
	Temporary string
	// DeadLetters shows the dead letters of the environment's services. Run and Lambda put it in.
	DeadLetters DeadLetters
	// Catalogue keeps the query engine's tables. Nil: there are none, as in the local cloud.
	Catalogue Catalogue
	// Failpoint dies at a named point when a test asked for it. Never nil.
	Failpoint func(name string)
}

// Catalogue keeps the tables that people query at what the pointers say. Both calls are harmless when repeated.
type Catalogue interface {
	// Follow brings the tables of a dataset to its pointer.
	Follow(ctx context.Context, dataset string) error
	// Forget removes the table of a superseded snapshot.
	Forget(ctx context.Context, dataset, snapshot string) error
}

// CatalogueOptions say where a catalogue is.
type CatalogueOptions struct {
	AWS      aws.Config
	Database string // Glue's
	Bucket   string // the data bucket, to which the tables lead
}

// DeadLetters looks at what services gave up on, and changes nothing of it.
type DeadLetters interface {
	// Look shows every dead letter of a service to visit, in no order, and returns what visit could not deal with.
	Look(ctx context.Context, service string, visit func(messaging.Letter) error) error
}

// Contracts gives out dataset contracts.
type Contracts interface {
	// Load returns the contract with this digest, checked.
	Load(ctx context.Context, sha256 string) (*contract.Contract, error)
	// Current lists the contracts in force. Where some cannot be used it returns the others and an error.
	Current(ctx context.Context) ([]*contract.Contract, error)
}

type permanentError struct{ error }

func (permanentError) Permanent() bool { return true }
func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error as final: no retry will mend it, so the message goes to the dead-letter queue at once.
func Permanent(err error) error {
	if err == nil || IsPermanent(err) {
		return err
	}
	return permanentError{err}
}

// IsPermanent says whether an error is final. Of several joined errors all must be: while one of them may pass, so may
// the whole.
func IsPermanent(err error) bool {
	for err != nil {
		if p, ok := err.(interface{ Permanent() bool }); ok {
			return p.Permanent()
		}
		switch wrapped := err.(type) {
		case interface{ Unwrap() error }:
			err = wrapped.Unwrap()
		case interface{ Unwrap() []error }:
			all := wrapped.Unwrap()
			return len(all) > 0 && !slices.ContainsFunc(all, func(e error) bool { return !IsPermanent(e) })
		default:
			return false
		}
	}
	return false
}

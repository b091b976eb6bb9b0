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

// Handler answers one event with the events that follow from it. An error that says Permanent() is final; every
// other error is tried again. Events are made with events.New; the runtime stamps and publishes them.
type Handler func(ctx context.Context, in events.Event) ([]events.Event, error)

// Service is one microservice: what it is called, what it hears and says, and how its handler is made. The same
// value runs in Lambda, as a consumer, inside `llac run` and in tests.
type Service struct {
	Name     string   // also the name of its topic, queue and receipts: "quality-gate"
	Consumes []string // event types, full
	Emits    []string // event types, full
	New      func(Ports) Handler
	Size     Size

	// Receipt is the key under which the stage records that it has dealt with the event. An empty key means
	// that dealing with the event twice has no effect by its nature, and no receipt is kept.
	Receipt func(events.Event) string

	// Catalogue makes the port to the query engine's tables. Nil: the service has no business with them, and does not
	// carry Glue's client.
	Catalogue func(Ports, CatalogueOptions) Catalogue

	// GaveUp makes the events that follow when a message goes to the dead-letter queue. Nil: a RunFailed where
	// the event belongs to a run.
	GaveUp func(in events.Event, f events.Failure) []events.Event
}

// Ports are the doors through which a handler reaches the world (invariant 9).
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

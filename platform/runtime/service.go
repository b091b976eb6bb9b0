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
	// BaseURL returns the address at which a portal is asked, given the contract's address: the same, or that of --portal.
	BaseURL    func(kind, contractURL string) string
	Clock      clock.Clock
	NewAttempt func() string // short random id of an attempt, [0-9a-z]+
	Metrics    telemetry.Metrics
	Log        *slog.Logger
	Build      string // version of this build
	// AllowSimulated lets the gate publish simulated data: true on a laptop, never in the cloud (invariant 11).
	AllowSimulated bool
	// Memory is the number of bytes that the process stays within; 0: the service's default.
	Memory int64
	// Temporary is the folder for data that do not fit into memory; empty: the system's.
	Temporary string
	// DeadLetters lists the dead letters of the environment's services. The runtime sets it.
	DeadLetters DeadLetters
	// Catalogue keeps the query engine's tables; nil if none, as in the local cloud.
	Catalogue Catalogue
	// Failpoint kills the process at a named point when a test asks for it. Never nil.
	Failpoint func(name string)
}

// Catalogue keeps the tables that people query in step with the pointers. Both calls are idempotent.
type Catalogue interface {
	// Follow updates the tables of a dataset to match its pointer.
	Follow(ctx context.Context, dataset string) error
	// Forget removes the table of a superseded snapshot.
	Forget(ctx context.Context, dataset, snapshot string) error
}

// CatalogueOptions locate a catalogue.
type CatalogueOptions struct {
	AWS      aws.Config
	Database string // Glue's
	Bucket   string // the data bucket, where the files of the tables are
}

// DeadLetters reads the messages that services gave up on, and changes none.
type DeadLetters interface {
	// Look calls visit for every dead letter of a service, in no order, and returns the errors of visit.
	Look(ctx context.Context, service string, visit func(messaging.Letter) error) error
}

// Contracts reads dataset contracts.
type Contracts interface {
	// Load returns the contract with this digest, checked.
	Load(ctx context.Context, sha256 string) (*contract.Contract, error)
	// Current returns the contracts in force. When some cannot be used it returns the others and an error.
	Current(ctx context.Context) ([]*contract.Contract, error)
}

type permanentError struct{ error }

func (permanentError) Permanent() bool { return true }
func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error as final: retrying cannot succeed, so the message goes to the dead-letter queue at once.
func Permanent(err error) error {
	if err == nil || IsPermanent(err) {
		return err
	}
	return permanentError{err}
}

// IsPermanent reports whether an error is final. Joined errors are final only when all of them are.
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

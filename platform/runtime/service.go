package runtime

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/telemetry"
)

// Handler handles one event and returns the events that follow from it. An error whose method Permanent() returns true is not
// retried; every other error is. Events are made with events.New; the runtime completes their envelopes and emits them.
type Handler func(ctx context.Context, in events.Event) ([]events.Event, error)

// Service describes one microservice completely. The same value runs in Lambda, as a consumer, inside `llac run` and in tests.
// Terraform, the ledger and the cost estimate are derived from it. Check reports what a value leaves out.
type Service struct {
	Name     string             // such as "quality-gate"; part of the names of its topic, queues and receipts
	Consumes []string           // full event types
	Emits    []string           // full event types; the runtime rejects all others
	New      Constructor        // makes the handler
	Size     Size               // memory, timeout and concurrency in Lambda
	Stage    Stage              // its place in a run
	Series   []telemetry.Series // the service's own measurements that become CloudWatch metrics

	// Receipt returns the key under which the service records that it has handled the event. If handling the
	// event twice has no further effect, Receipt returns an empty key. The runtime then writes no receipt and calls the handler
	// on every delivery.
	Receipt func(events.Event) string

	// GaveUp returns the events to emit when a message goes to the dead-letter queue. The run fails only if they contain a
	// failure event, such as run.failed.
	GaveUp func(in events.Event, f events.Failure) []events.Event

	// Catalogue makes the port that updates the query engine's tables. Only a service that asks for the port Catalogue sets it;
	// the other services do not link the Glue client.
	Catalogue func(Ports, CatalogueOptions) Catalogue
}

// Ports are the only interfaces by which a handler reaches external systems (invariant 9). A service receives the ports that it
// asks for; see Construct.
type Ports struct {
	Lake      lake.Store // the data bucket
	Contracts Contracts
	// Portal returns the client of a portal kind.
	Portal func(kind string) (source.Client, error)
	// BaseURL returns the portal's address: the contract's, or the one that LLAC_PORTAL or --portal sets.
	BaseURL    func(kind, contractURL string) string
	Clock      clock.Clock
	NewAttempt func() string // returns a short random id of an attempt, [0-9a-z]+
	Metrics    telemetry.Metrics
	Log        *slog.Logger
	Build      string // version of this build
	// AllowSimulated lets the gate publish simulated data (invariant 11). It is true in a local lake that does not read the
	// real portals.
	AllowSimulated bool
	// Memory is the maximum memory of the process in bytes; 0 means the service's default.
	Memory int64
	// Temporary is the folder for data that do not fit into memory; empty means the system's temporary folder.
	Temporary string
	// DeadLetters reads the dead letters of the environment's services. The runtime sets it.
	DeadLetters DeadLetters
	// Catalogue updates the query engine's tables; nil if there are none, as in the local cloud.
	Catalogue Catalogue
	// Failpoint kills the process at a named point when a test asks for it. It is never nil.
	Failpoint func(name string)
}

// Catalogue updates the tables of the query engine to match the pointers. Both methods are idempotent.
type Catalogue interface {
	// Follow updates the tables of a dataset to match its pointer.
	Follow(ctx context.Context, dataset string) error
	// Forget removes the table of a superseded snapshot.
	Forget(ctx context.Context, dataset, snapshot string) error
}

// CatalogueOptions configure a catalogue.
type CatalogueOptions struct {
	AWS      aws.Config
	Database string // the Glue database
	Bucket   string // the data bucket, which contains the files of the tables
}

// DeadLetters reads the messages that failed permanently, without changing them.
type DeadLetters interface {
	// Look calls visit for every dead letter of a service, in any order, and returns the errors of visit.
	Look(ctx context.Context, service string, visit func(messaging.Letter) error) error
}

// Contracts reads dataset contracts.
type Contracts interface {
	// Load returns the contract with this digest after checking it.
	Load(ctx context.Context, sha256 string) (*contract.Contract, error)
	// Current returns the contracts in force. When some of them cannot be used, it returns the others and an error.
	Current(ctx context.Context) ([]*contract.Contract, error)
}

type postponedError struct {
	error
	until time.Time
}

func (e postponedError) NotBefore() time.Time { return e.until }
func (e postponedError) Unwrap() error        { return e.error }

// Postpone marks a transient error with the time before which the message must not be handled again. The message is put back
// until then, and that is not counted as a try; see NotBefore.
func Postpone(until time.Time, err error) error { return postponedError{err, until} }

// NotBefore returns the time before which the message of a failed handling must not be handled again, if the error states one.
func NotBefore(err error) (time.Time, bool) {
	var e interface{ NotBefore() time.Time }
	if !errors.As(err, &e) {
		return time.Time{}, false
	}
	return e.NotBefore(), true
}

type permanentError struct{ error }

func (permanentError) Permanent() bool { return true }
func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error as permanent: retrying cannot succeed, so the message goes to the dead-letter queue at once.
func Permanent(err error) error {
	if err == nil || IsPermanent(err) {
		return err
	}
	return permanentError{err}
}

// IsPermanent reports whether an error is permanent. Joined errors are permanent only when all of them are.
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

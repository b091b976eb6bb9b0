package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/source"
)

// giveUpTime is the time limit for recording a failure and emitting its events. It is separate because the handler's deadline may have
// passed.
const giveUpTime = 20 * time.Second

// giveUp records that the service has given up on an event and emits the events that its GaveUp declares. The message goes to
// the dead-letter queue only after that. When recording or emitting fails, the message is received again, and giveUp is
// repeated with the same record and the same events.
func (w *worker) giveUp(ctx context.Context, d *messaging.Delivery, in events.Event, reason error) (fate, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUpTime)
	defer cancel()
	out, err := w.recordFailure(ctx, d, in, reason)
	if err == nil {
		err = w.emit(ctx, out)
	}
	if err != nil {
		return again, fmt.Errorf("give up on event %s (%s): %w", in.ID, messaging.Reason(reason), err)
	}
	if _, waits := NotBefore(reason); !IsPermanent(reason) && !waits && d.Tries() <= w.maxReceives {
		reason = messaging.Exhausted(d.Tries(), reason)
	}
	return dead, reason
}

// recordFailure writes a failure record if the event belongs to a run. It returns the events to emit.
func (w *worker) recordFailure(ctx context.Context, d *messaging.Delivery, in events.Event, reason error) ([]events.Event, error) {
	if in.ID == "" {
		return nil, nil // not an event: it belongs to no run, and the dead letter is the only record
	}
	f := events.Failure{Service: w.service.Name, EventID: in.ID, Class: "transient", Reason: messaging.Reason(reason), Tries: d.Tries()}
	if IsPermanent(reason) {
		f.Class = "permanent"
	}
	declared, now := w.gaveUp(ctx, in, f), w.ports.Clock.Now()
	run, ok := runOf(in)
	if !ok {
		return stamp(ctx, w.service.Name, in.ID+"/"+w.service.Name+".failed."+d.MessageID, in, declared, now), nil
	}
	key := lake.FailureKey(run.Dataset, run.RunID, w.service.Name, d.MessageID)
	record := lake.FailureRecord{
		Service: w.service.Name, Build: w.ports.Build, Event: in, Failure: f, FailedAt: now,
		Events: stamp(ctx, w.service.Name, key, in, declared, now),
	}
	// The record contains the start of the portal's error body (at most 2 KiB), because it names a column that was removed. It
	// contains no rows.
	if refused := (*source.PermanentError)(nil); errors.As(reason, &refused) {
		record.Answer = refused.Body
	}
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		record.TraceID = sc.TraceID().String()
	}
	// Invariant 1 applies to failures too: the record is create-only, and a delivery that finds a record emits its events.
	_, _, err := w.ports.Lake.PutIfAbsent(ctx, key, lake.Encode(record))
	if errors.Is(err, lake.ErrExists) {
		return readFailure(ctx, w.ports.Lake, key)
	}
	return record.Events, err
}

// gaveUp calls the service's GaveUp. If GaveUp panics or returns an undeclared event, gaveUp logs it and returns no events.
// The failure is still recorded, and the message still goes to the dead-letter queue.
func (w *worker) gaveUp(ctx context.Context, in events.Event, f events.Failure) []events.Event {
	out, err := w.safely(ctx, func(context.Context) ([]events.Event, error) {
		declared := w.service.GaveUp(in, f)
		return declared, w.service.checkEmits(declared)
	})
	if err != nil {
		w.ports.Log.ErrorContext(ctx, "GaveUp failed; no event is emitted for the failure", "error", err)
		return nil
	}
	return out
}

func readFailure(ctx context.Context, s lake.Store, key string) ([]events.Event, error) {
	b, _, err := s.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	var r lake.FailureRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("decode %s: %w", key, err)
	}
	return r.Events, nil
}

// FailsRun is the GaveUp of a service that ends a run by giving up on its event: it emits run.failed for each event that
// belongs to a run.
func FailsRun(in events.Event, f events.Failure) []events.Event {
	return Fails(func(run events.Run, f events.Failure) events.Payload { return events.RunFailed{Run: run, Failure: f} })(in, f)
}

// Fails returns a GaveUp that emits payload for each event that belongs to a run, and nothing for others.
func Fails(payload func(events.Run, events.Failure) events.Payload) func(events.Event, events.Failure) []events.Event {
	return func(in events.Event, f events.Failure) []events.Event {
		run, ok := runOf(in)
		if !ok {
			return nil
		}
		return []events.Event{events.New(payload(run, f))}
	}
}

// FailsSilently is the GaveUp of a service that never ends a run: it emits nothing. The failure record and the dead letter
// remain.
func FailsSilently(events.Event, events.Failure) []events.Event { return nil }

// runOf returns the run to which an event belongs, if its names may be part of a key. A run that Llac started always has such
// names.
func runOf(in events.Event) (events.Run, bool) {
	run, ok := events.RunOf(in)
	if !ok || !isName(run.Dataset) || !isName(run.RunID) {
		return events.Run{}, false
	}
	return run, true
}

// isName reports whether a dataset or run id may be part of a key. A run id may end with the value of a slice, which may contain
// dots.
func isName(s string) bool {
	return s != "" && len(s) <= 128 && s[0] != '.' && !strings.Contains(s, "..") && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

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

// giveUpTime is what recording and publishing a failure may take: the handler's own deadline may be over already.
const giveUpTime = 20 * time.Second

// giveUp records that the stage has given up on an event and publishes what follows, so that a run never ends in
// silence. Only after that does the message go to the dead-letter queue. When either fails the message comes back,
// and this is done again, with the same record and the same events.
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
	if !IsPermanent(reason) && d.Receives <= w.maxReceives {
		reason = messaging.Exhausted(d.Receives, reason)
	}
	return dead, reason
}

func (w *worker) recordFailure(ctx context.Context, d *messaging.Delivery, in events.Event, reason error) ([]events.Event, error) {
	f := events.Failure{Service: w.service.Name, EventID: in.ID, Class: "transient", Reason: messaging.Reason(reason), Tries: d.Receives}
	if IsPermanent(reason) {
		f.Class = "permanent"
	}
	if f.EventID == "" {
		f.EventID = d.MessageID
	}
	if in.ID == "" {
		return nil, nil // not an event: it belongs to no run, and the dead letter says all there is to say
	}
	run, belongs := runOf(in)
	out, err := w.safely(ctx, func(context.Context) ([]events.Event, error) {
		switch {
		case w.service.GaveUp != nil:
			return w.service.GaveUp(in, f), nil
		case belongs:
			return []events.Event{events.New(events.RunFailed{Run: run, Failure: f})}, nil
		}
		return nil, nil
	})
	if err != nil {
		w.ports.Log.ErrorContext(ctx, "what follows from giving up could not be made", "error", err)
	}
	now := w.ports.Clock.Now()
	if !belongs {
		return stamp(ctx, w.service.Name, in.ID+"/"+w.service.Name+".failed."+d.MessageID, in, out, now), nil
	}
	key := lake.FailureKey(run.Dataset, run.RunID, w.service.Name, d.MessageID)
	record := lake.FailureRecord{
		Service: w.service.Name, Build: w.ports.Build, Event: in, Failure: f, FailedAt: now,
		Events: stamp(ctx, w.service.Name, key, in, out, now),
	}
	// What the portal said of its refusal is kept whole: it names the column that is gone. It holds no rows.
	if refused := (*source.PermanentError)(nil); errors.As(reason, &refused) {
		record.Answer = refused.Body
	}
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		record.TraceID = sc.TraceID().String()
	}
	// Invariant 1 holds for failures too: the record is create-only, and who finds one publishes its events.
	_, _, err = w.ports.Lake.PutIfAbsent(ctx, key, lake.Encode(record))
	if errors.Is(err, lake.ErrExists) {
		return readFailure(ctx, w.ports.Lake, key)
	}
	return record.Events, err
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

// runOf reads the run from the payload of any event that belongs to one, also of a type this build does not know.
// Names that do not look like ours are not made into keys.
func runOf(in events.Event) (events.Run, bool) {
	var run events.Run
	if json.Unmarshal(in.Data, &run) != nil {
		return events.Run{}, false
	}
	return run, isName(run.Dataset) && isName(run.RunID)
}

func isName(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

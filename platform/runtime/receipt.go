package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// Process handles one event under the receipt of the service and returns the events to emit. The caller emits them and
// acknowledges the message only after that.
//
// Invariant 1: effects, then receipt, then events, then acknowledgement. A redelivery finds the receipt and returns the same
// events with the same ids. If two deliveries run at once, the first receipt wins, and the loser returns the winner's events.
func Process(ctx context.Context, s Service, p Ports, handle Handler, in events.Event) ([]events.Event, error) {
	key := ""
	if s.Receipt != nil {
		key = s.Receipt(in)
	}
	if key != "" {
		done, err := readReceipt(ctx, p.Lake, key)
		if err != nil || done != nil {
			return done.events(), err
		}
	}
	started := p.Clock.Now()
	out, err := handle(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := s.checkEmits(out); err != nil {
		return nil, err
	}
	finished := p.Clock.Now()
	out = stamp(ctx, s.Name, key, in, out, finished)
	if key == "" {
		return out, nil
	}
	span := trace.SpanContextFromContext(ctx)
	receipt := lake.Receipt{
		Service: s.Name, Build: p.Build, EventID: in.ID, EventType: in.Type,
		StartedAt: started, FinishedAt: finished, Events: out,
	}
	if span.IsValid() {
		receipt.TraceID, receipt.SpanID = span.TraceID().String(), span.SpanID().String()
	}
	p.Failpoint("effect-receipt")
	_, _, err = p.Lake.PutIfAbsent(ctx, key, lake.Encode(receipt))
	if errors.Is(err, lake.ErrExists) {
		winner, err := readReceipt(ctx, p.Lake, key)
		if err == nil && winner == nil {
			err = fmt.Errorf("read receipt %s: it existed and was deleted; receipts must not be deleted", key)
		}
		return winner.events(), err
	}
	return out, err
}

// checkEmits rejects events that the service does not declare in Emits: no service subscribes to them, and no deployment check
// covers them.
func (s Service) checkEmits(out []events.Event) error {
	for _, e := range out {
		if !slices.Contains(s.Emits, e.Type) {
			return Permanent(fmt.Errorf("emit %s: %s does not declare this event type; add it to its Emits in events.Flow", e.Type, s.Name))
		}
	}
	return nil
}

type receipt lake.Receipt

func (r *receipt) events() []events.Event {
	if r == nil {
		return nil
	}
	return r.Events
}

func readReceipt(ctx context.Context, s lake.Store, key string) (*receipt, error) {
	b, _, err := s.Get(ctx, key)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := new(receipt)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, Permanent(fmt.Errorf("decode receipt %s: %w; the effects of the service are unknown, inspect them before replaying",
			key, err))
	}
	return r, nil
}

// stamp completes the envelopes of a handler's events. It derives their ids from the key of the receipt, so that the same event
// always has the same id: "<dataset>/<run>/<service>/<ordinal>". Without a receipt the ids derive from the incoming event.
func stamp(ctx context.Context, service, receiptKey string, in events.Event, out []events.Event, at time.Time) []events.Event {
	base := strings.TrimSuffix(strings.TrimPrefix(receiptKey, "runs/"), ".json")
	if base == "" {
		base = in.ID + "/" + service
	}
	parent := in.TraceParent
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		parent = fmt.Sprintf("00-%s-%s-%s", span.TraceID(), span.SpanID(), span.TraceFlags())
	}
	for i := range out {
		e := &out[i]
		if e.ID == "" {
			e.ID = fmt.Sprintf("%s/%d", base, i+1)
		}
		e.Source = "/llac/" + service
		e.Time = at.UTC()
		e.CausationID = in.ID
		if e.CorrelationID == "" {
			e.CorrelationID = in.CorrelationID
		}
		if e.TraceParent == "" {
			e.TraceParent, e.TraceState = parent, in.TraceState
		}
	}
	return out
}

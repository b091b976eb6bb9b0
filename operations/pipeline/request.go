package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/ingest"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/telemetry"
)

// request returns a request of a dataset with a new slot and a new trace.
func (r *runner) request(ctx context.Context, store lake.Store, dataset, why string, named []string) (Pending, error) {
	at, err := FreeSlot(ctx, store, dataset, r.Options.Clock.Now())
	if err != nil {
		return Pending{}, err
	}
	slot := lake.Slot(at)
	ctx, span := r.operator.Tracer.Start(ctx, "request "+dataset, trace.WithNewRoot(), trace.WithAttributes(
		attribute.String(telemetry.KeyDataset, dataset), attribute.String(telemetry.KeyCorrelationID, slot)))
	defer span.End()
	e := Request(events.RunRequested{Dataset: dataset, RequestedAt: at, RequestedBy: r.By, Reason: why, Trigger: "manual", Force: r.Force,
		Slices: named})
	e.TraceParent, e.TraceState = telemetry.TraceParent(ctx), telemetry.TraceState(ctx)
	return Pending{Dataset: dataset, Slot: slot, Why: why, Portal: r.result.Portal, Event: e}, nil
}

// Request returns the event with which a person requests a run. A request of selected slices is a backfill.
func Request(p events.RunRequested) events.Event {
	if len(p.Slices) > 0 {
		p.Trigger = "backfill"
	}
	slot := lake.Slot(p.RequestedAt)
	e := events.New(p)
	e.ID, e.Source, e.Time = fmt.Sprintf("%s/%s/%s", p.Dataset, slot, events.Operator), "/llac/"+events.Operator, p.RequestedAt
	e.CorrelationID = slot
	return e
}

// land lands collected pages and returns their request, with a new slot and a new trace.
func (r *runner) land(ctx context.Context, store lake.Store, pages *ingest.Pages, dataset string) (Pending, error) {
	at, err := FreeSlot(ctx, store, dataset, r.Options.Clock.Now())
	if err != nil {
		return Pending{}, err
	}
	slot := lake.Slot(at)
	ctx, span := r.operator.Tracer.Start(ctx, "ingest "+dataset, trace.WithNewRoot(), trace.WithAttributes(
		attribute.String(telemetry.KeyDataset, dataset), attribute.String(telemetry.KeyCorrelationID, pages.Run(slot).RunID)))
	defer span.End()
	landed, err := pages.Land(ctx, store, slot, runtime.NewAttempt(), at)
	if err != nil {
		return Pending{}, err
	}
	e := ingest.Event(landed, at)
	e.TraceParent, e.TraceState = telemetry.TraceParent(ctx), telemetry.TraceState(ctx)
	return Pending{Dataset: dataset, Slot: slot, Why: "collected by hand", Portal: r.result.Portal, Event: e}, nil
}

// FreeSlot returns now, or the first second after it for which no run of the dataset was requested. Slots have a resolution
// of one second: two requests with the same slot would be the same request.
func FreeSlot(ctx context.Context, store lake.Store, dataset string, now time.Time) (time.Time, error) {
	for at := now.Truncate(time.Second); ; at = at.Add(time.Second) {
		taken := false
		err := store.List(ctx, lake.RunPrefix(dataset, lake.Slot(at)), func(lake.Info) bool { taken = true; return false })
		if err != nil {
			return at, fmt.Errorf("find a free slot of %s: %w", dataset, err)
		}
		if !taken {
			return at, nil
		}
	}
}

// publish publishes the request on the operator's topic. Publishing it again is harmless: the scheduler knows its id, and
// the validator has a receipt for pages landed by hand.
func (r *runner) publish(ctx context.Context, p Pending) error {
	if p.Event.Type == (events.LandingWritten{}).EventType() {
		if err := ingest.Receipt(ctx, r.ledger.Lake, p.Event, runtime.Build()); err != nil {
			return fmt.Errorf("record the pages landed by hand: %w", err)
		}
	}
	ctx = telemetry.WithTraceParent(ctx, p.Event.TraceParent, p.Event.TraceState)
	if err := r.publisher.PublishEvents(ctx, r.topology.Topics[messaging.OperatorTopic], []events.Event{p.Event}); err != nil {
		return fmt.Errorf("request a run of %s: %w", p.Dataset, err)
	}
	return nil
}

// resume continues the requests that an earlier run left: the receipts have what is done, the queues what is to do.
func (r *runner) resume(ctx context.Context) error {
	for _, p := range r.docket.list {
		r.requests = append(r.requests, p)
		r.resumed[p.Request()] = true
		r.tracker.watch(p.Request(), true)
		if err := r.tracker.recall(ctx, r.ledger, p.Request()); err != nil {
			return err
		}
		with := ""
		if p.Portal != r.result.Portal {
			with = fmt.Sprintf(" (it was started with --portal %s)", p.Portal)
		}
		r.Notice(fmt.Sprintf("Resuming run %s of %s, which an earlier llac run left unfinished%s.", p.Slot, p.Dataset, with))
		_, started, ended := r.tracker.state(p.Request())
		// If nothing is known of it, the earlier run may have died between recording and publishing it.
		if !started && !ended {
			if err := r.publish(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// stuck returns why a request stopped without ending.
func (r *runner) stuck(ctx context.Context, store lake.Store, dataset string) (string, error) {
	waiting, err := HeldBack(ctx, store, dataset)
	if err != nil {
		return "", err
	}
	if waiting != "" {
		return "held back until " + waiting + " is published", nil
	}
	for _, s := range services.All {
		d, err := r.Cloud.Queues().Depth(ctx, messaging.DeadLetterQueueName(Env, s.Name))
		if err != nil {
			return "", err
		}
		if d.Total() > 0 {
			return "it stopped without ending, and " + s.Name + " has dead letters", nil
		}
	}
	return "it stopped without ending; see " + LogFile(r.Dir), nil
}

// HeldBack names the datasets that the scheduler waits for before it starts this one; "" if it does not wait.
func HeldBack(ctx context.Context, store lake.Store, dataset string) (string, error) {
	b, _, err := store.Get(ctx, lake.StateKey(dataset, "held"))
	if errors.Is(err, lake.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var held struct {
		WaitingFor []string `json:"waiting_for"`
	}
	if err := json.Unmarshal(b, &held); err != nil {
		return "", fmt.Errorf("decode the held request of %s: %w", dataset, err)
	}
	names := ""
	for _, name := range held.WaitingFor {
		pointer, _, err := lake.ReadPointer(ctx, store, name)
		if err != nil {
			return "", err
		}
		if pointer == nil && names != "" {
			names += " and "
		}
		if pointer == nil {
			names += name
		}
	}
	return names, nil
}

// place returns the path of an object, as a query tool started here would open it.
func (r *runner) place(key string) string { return Place(r.Dir, key) }

// Place returns the file of an object of the data bucket in a state directory.
func Place(dir, key string) string {
	return filepath.ToSlash(filepath.Join(dir, "lake", DataBucket)) + "/" + key
}

package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/telemetry"
)

// freshnessState remembers what was said last, and by which event, so that it is said once and never lost.
type freshnessState struct {
	Stale   bool      `json:"stale"`
	Since   time.Time `json:"since"`
	EventID string    `json:"event_id"`
}

// freshness compares the last successful look at the source with the contract. A dataset that was never published
// is not stale: its first run is what is missing, and that shows elsewhere. What a tick finds is measured, whatever is said.
func (s scheduler) freshness(ctx context.Context, in events.Event, c *contract.Contract, now time.Time) (out []events.Event, stale bool, err error) {
	if c.SLA.Freshness <= 0 {
		return nil, false, nil
	}
	pointer, _, err := lake.ReadPointer(ctx, s.ports.Lake, c.Dataset)
	if err != nil || pointer == nil {
		return nil, false, err
	}
	last := pointer.PublishedAt
	cursor, err := lake.ReadCursor(ctx, s.ports.Lake, c.Dataset)
	if err != nil {
		return nil, false, err
	}
	if cursor != nil && cursor.LastSuccess.After(last) {
		last = cursor.LastSuccess
	}
	deadline := last.Add(c.SLA.Freshness)
	stale = now.After(deadline)
	s.ports.Metrics.Record(ctx, "freshness_age", now.Sub(last).Seconds(), telemetry.Seconds,
		telemetry.KeyDataset, c.Dataset, "freshness_limit", c.SLA.Freshness.Seconds(), "stale", stale)
	out, err = s.tellFreshness(ctx, in, c.Dataset, now, last, deadline)
	return out, stale, err
}

// tellFreshness tells once that a dataset has become stale, or fresh again.
func (s scheduler) tellFreshness(ctx context.Context, in events.Event, dataset string, now, last, deadline time.Time) ([]events.Event, error) {
	key := lake.StateKey(dataset, "freshness")
	var state freshnessState
	b, info, err := s.ports.Lake.Get(ctx, key)
	switch {
	case errors.Is(err, lake.ErrNotFound):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(b, &state); err != nil {
			return nil, runtime.Permanent(fmt.Errorf("decode %s: %w", key, err))
		}
	}
	// Ticks may come out of order; an older one knows nothing new.
	if now.Before(state.Since) {
		return nil, nil
	}
	stale := now.After(deadline)
	if stale == state.Stale && state.EventID != in.ID {
		return nil, nil
	}
	if stale != state.Stale {
		_, err := s.ports.Lake.CompareAndSwap(ctx, key, lake.Encode(freshnessState{Stale: stale, Since: now, EventID: in.ID}), info.ETag)
		if err != nil {
			return nil, err
		}
	}
	if stale {
		return []events.Event{events.New(events.DatasetStale{Dataset: dataset, LastSuccess: last, Deadline: deadline})}, nil
	}
	return []events.Event{events.New(events.DatasetRecovered{Dataset: dataset, LastSuccess: last})}, nil
}

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

// freshnessState is the freshness that was reported last, and the id of the event that caused the report. Only a delivery of
// this event emits the report.
type freshnessState struct {
	Stale    bool      `json:"stale"`
	Since    time.Time `json:"since"`
	EventID  string    `json:"event_id"`
	Incident *incident `json:"incident,omitempty"` // the latest incident; nil before the first
}

// freshness compares the time at which a dataset was last published, or found unchanged, with the contract's limit. A dataset
// that was never published is not stale: there is no time to compare with. Every tick records the age, also when it emits no event.
func (s scheduler) freshness(
	ctx context.Context, in events.Event, c *contract.Contract, now time.Time,
) (out []events.Event, stale bool, err error) {
	last, err := s.lastSuccess(ctx, c.Dataset)
	if err != nil || last.IsZero() {
		return nil, false, err
	}
	deadline := last.Add(c.SLA.Freshness)
	stale = c.SLA.Freshness > 0 && now.After(deadline)
	if c.SLA.Freshness > 0 {
		s.ports.Metrics.Record(ctx, "freshness_age", now.Sub(last).Seconds(), telemetry.Seconds,
			telemetry.KeyDataset, c.Dataset, "freshness_limit", c.SLA.Freshness.Seconds(), "stale", stale)
	}
	out, err = s.reportFreshness(ctx, in, c.Dataset, now, last, deadline, stale)
	return out, stale, err
}

// lastSuccess returns when a dataset was last published, or found unchanged; zero if it was never published.
func (s scheduler) lastSuccess(ctx context.Context, dataset string) (time.Time, error) {
	pointer, _, err := lake.ReadPointer(ctx, s.ports.Lake, dataset)
	if err != nil || pointer == nil {
		return time.Time{}, err
	}
	last := pointer.PublishedAt
	cursor, err := lake.ReadCursor(ctx, s.ports.Lake, dataset)
	if err == nil && cursor != nil && cursor.LastSuccess.After(last) {
		last = cursor.LastSuccess
	}
	return last, err
}

// readFreshness reads the freshness that was reported last for a dataset, with the ETag for CompareAndSwap.
func (s scheduler) readFreshness(ctx context.Context, dataset string) (freshnessState, string, error) {
	key := lake.StateKey(dataset, "freshness")
	var state freshnessState
	b, info, err := s.ports.Lake.Get(ctx, key)
	switch {
	case errors.Is(err, lake.ErrNotFound):
		return state, "", nil
	case err != nil:
		return state, "", err
	}
	if err := json.Unmarshal(b, &state); err != nil {
		return state, "", runtime.Permanent(fmt.Errorf("decode %s: %w", key, err))
	}
	return state, info.ETag, nil
}

// reportFreshness emits one event when a dataset becomes stale and one when it recovers, and opens or closes its incident.
func (s scheduler) reportFreshness(
	ctx context.Context, in events.Event, dataset string, now, last, deadline time.Time, stale bool,
) ([]events.Event, error) {
	state, etag, err := s.readFreshness(ctx, dataset)
	if err != nil {
		return nil, err
	}
	// Ticks may arrive out of order; an older tick changes nothing.
	if now.Before(state.Since) {
		return nil, nil
	}
	next := state
	if stale != state.Stale {
		next.Stale, next.Since, next.EventID = stale, now, in.ID
	}
	switch i := state.Incident; {
	case stale && !i.open():
		next.Incident = staleIncident(in.ID, dataset, now, last, deadline)
	case !stale && i.open() && last.After(i.Since):
		next.Incident = i.close(in.ID, dataset, last)
	}
	if next != state {
		if _, err := s.ports.Lake.CompareAndSwap(ctx, lake.StateKey(dataset, "freshness"), lake.Encode(next), etag); err != nil {
			return nil, err
		}
	}
	var out []events.Event
	switch {
	case next.EventID != in.ID:
	case next.Stale:
		out = append(out, events.New(events.DatasetStale{Dataset: dataset, LastSuccess: last, Deadline: deadline}))
	default:
		out = append(out, events.New(events.DatasetRecovered{Dataset: dataset, LastSuccess: last}))
	}
	return append(out, next.Incident.events(in.ID, dataset)...), nil
}

package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// Hop is the processing of one event by one stage, read from its receipt or its failure record.
type Hop struct {
	Run        string // folder of the record: a run id, or the slot of a request with slices
	Stage      string // such as "fetcher" or "scheduler-dependants"; "operator" if a person landed the pages
	Part       int    // of an extraction that was handed on; 0 otherwise
	Service    string
	EventID    string // of the event that the stage received
	EventType  string
	StartedAt  time.Time
	FinishedAt time.Time
	TraceID    string
	SpanID     string
	Build      string
	Events     []events.Event  // that the stage emitted
	Failure    *events.Failure // nil unless the stage gave up
	Wait       *lake.Wait      // nil unless the stage put the event back because a portal asked to wait
}

// heldBack reports whether the service that starts runs made the request wait for datasets that it refers to.
func (h Hop) heldBack() bool {
	starts := slices.Contains(events.Emits(h.Stage), events.ExtractionRequested{}.EventType())
	return starts && h.Failure == nil && h.Wait == nil && len(h.Events) == 0
}

// Ledger reads a lake's receipts, verdicts and pointers.
type Ledger struct {
	Lake lake.Store
}

// receiptFile is the common form of a receipt and a failure record.
type receiptFile struct {
	lake.Receipt
	Event    *events.Event   `json:"event"`
	Failure  *events.Failure `json:"failure"`
	FailedAt time.Time       `json:"failed_at"`
	Until    time.Time       `json:"until"` // of a lake.Wait
}

// hops reads every receipt and failure record of a request, ordered by time.
func (l Ledger) hops(ctx context.Context, dataset, slot string) ([]Hop, error) {
	var keys []string
	prefix := "runs/" + dataset + "/" + slot
	err := l.Lake.List(ctx, prefix, func(i lake.Info) bool {
		if rest := i.Key[len(prefix):]; strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, "-") {
			keys = append(keys, i.Key)
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("list the receipts of %s %s: %w", dataset, slot, err)
	}
	var hops []Hop
	for _, key := range keys {
		h, ok, err := l.hop(ctx, key)
		if err != nil {
			return nil, err
		}
		if ok {
			hops = append(hops, h)
		}
	}
	slices.SortStableFunc(hops, func(a, b Hop) int { return a.StartedAt.Compare(b.StartedAt) })
	return hops, nil
}

// hop reads one file of a run's folder; false if it is not a hop but the scheduler's own record of the request.
func (l Ledger) hop(ctx context.Context, key string) (Hop, bool, error) {
	b, _, err := l.Lake.Get(ctx, key)
	if errors.Is(err, lake.ErrNotFound) {
		return Hop{}, false, nil
	}
	if err != nil {
		return Hop{}, false, err
	}
	var r receiptFile
	if err := json.Unmarshal(b, &r); err != nil {
		return Hop{}, false, fmt.Errorf("read the receipt %s: %w; its stage refuses it too: inspect the object", key, err)
	}
	if r.Service == "" {
		return Hop{}, false, nil
	}
	stage, rest, _ := strings.Cut(strings.TrimSuffix(path.Base(key), ".json"), ".")
	if r.Service == events.Operator {
		stage = events.Operator // a person landed the pages in the fetcher's place
	}
	h := Hop{
		Run: path.Base(path.Dir(key)), Stage: stage, Service: r.Service, EventID: r.EventID, EventType: r.EventType,
		StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, TraceID: r.TraceID, SpanID: r.SpanID, Build: r.Build, Events: r.Events,
	}
	if _, err := fmt.Sscanf(rest, "part%d", &h.Part); err != nil {
		h.Part = 0
	}
	if !r.Until.IsZero() {
		h.Wait = new(lake.Wait)
		if err := json.Unmarshal(b, h.Wait); err != nil {
			return Hop{}, false, fmt.Errorf("read %s: %w", key, err)
		}
		h.StartedAt, h.FinishedAt = h.Wait.At, h.Wait.At
	}
	if r.Failure != nil {
		h.Failure, h.StartedAt, h.FinishedAt = r.Failure, r.FailedAt, r.FailedAt
		if r.Event != nil {
			h.EventID, h.EventType = r.Event.ID, r.Event.Type
		}
	}
	return h, true, nil
}

// waiting returns the waits of hops whose event was not handled since.
func waiting(hops []Hop) []*lake.Wait {
	var out []*lake.Wait
	for _, h := range hops {
		if h.Wait != nil && !slices.ContainsFunc(hops, func(o Hop) bool { return o.Wait == nil && o.EventID == h.EventID }) {
			out = append(out, h.Wait)
		}
	}
	return out
}

// Waiting returns until when a request waits because a portal asked for it; the zero time if it does not wait. Of several slices,
// the earliest time counts.
func (l Ledger) Waiting(ctx context.Context, r Request) (time.Time, error) {
	hops, err := l.hops(ctx, r.Dataset, r.Slot)
	if err != nil {
		return time.Time{}, err
	}
	var until time.Time
	for _, w := range waiting(hops) {
		if until.IsZero() || w.Until.Before(until) {
			until = w.Until
		}
	}
	return until, nil
}

// take adds the events of hops that belong to the request: a receipt of dependants also contains events of other datasets.
func (a *Account) take(dataset, slot string, hops []Hop) {
	for _, h := range hops {
		for _, e := range h.Events {
			if e.Subject == dataset && lake.ParseRunID(e.CorrelationID).Slot == slot {
				a.Add(e)
			}
		}
	}
}

// Emitted returns the events that the stages of a request emitted, from their receipts.
func (l Ledger) Emitted(ctx context.Context, r Request) ([]events.Event, error) {
	hops, err := l.hops(ctx, r.Dataset, r.Slot)
	if err != nil {
		return nil, err
	}
	var out []events.Event
	for _, h := range hops {
		for _, e := range h.Events {
			if e.Subject == r.Dataset && lake.ParseRunID(e.CorrelationID).Slot == r.Slot {
				out = append(out, e)
			}
		}
	}
	return out, nil
}

package scheduler

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/telemetry"
)

// Service is the scheduler.
var Service = runtime.Service{
	Name:     "scheduler",
	Consumes: events.Consumes("scheduler"),
	Emits:    events.Emits("scheduler"),
	New:      runtime.Construct(func(p ports) runtime.Handler { return scheduler{p}.handle }),
	Size:     runtime.Size{MemoryMiB: 256, Timeout: 2 * time.Minute, BatchSize: 10, MaximumConcurrency: 2},
	Stage:    runtime.Stage{State: "requested", Ends: events.TypesOf(events.ExtractionRequested{})},
	Series: []telemetry.Series{
		{Name: "datasets_stale", Outcomes: 1, Gauge: true, Why: "freshness; the age of each dataset is a property"},
	},
	Receipt: receiptKey,
	GaveUp:  runtime.FailsSilently, // no run has started yet
}

// ports are what the scheduler asks of the runtime.
type ports struct {
	Lake      lake.Store
	Contracts runtime.Contracts
	Clock     clock.Clock
	Metrics   telemetry.Metrics
	Log       *slog.Logger
}

type scheduler struct{ ports ports }

func receiptKey(in events.Event) string {
	switch in.Type {
	case events.ScheduleTicked{}.EventType():
		if p, err := events.As[events.ScheduleTicked](in); err == nil {
			return "runs/_ticks/" + lake.Slot(p.ScheduledAt) + ".json"
		}
	case events.RunRequested{}.EventType():
		// Two people may request a run in the same second: a digest of the request keeps their receipts apart.
		if p, err := events.As[events.RunRequested](in); err == nil {
			digest := lake.SHA256([]byte(in.ID + "\n" + string(in.Data)))
			return lake.ReceiptKey(p.Dataset, lake.Slot(p.RequestedAt), "scheduler."+digest[:12], 0)
		}
	case events.StagingPublished{}.EventType():
		if p, err := events.As[events.StagingPublished](in); err == nil {
			return lake.ReceiptKey(p.Dataset, p.RunID, "scheduler-dependants", 0)
		}
	default:
		// A run may fail more than once: it is replayed, and fails again.
		if bad, ok := badEnd(in); ok {
			return lake.ReceiptKey(bad.run.Dataset, bad.run.RunID, "scheduler-incident."+lake.SHA256([]byte(in.ID))[:12], 0)
		}
	}
	return ""
}

func (s scheduler) handle(ctx context.Context, in events.Event) ([]events.Event, error) {
	payload, err := in.Decode()
	if err != nil {
		return nil, runtime.Permanent(err)
	}
	if err := s.timely(payload); err != nil {
		return nil, runtime.Permanent(err)
	}
	contracts, unusable := s.ports.Contracts.Current(ctx)
	if _, tick := payload.(events.ScheduleTicked); tick && errors.Is(unusable, runtime.ErrNoContracts) {
		// A new environment: nothing can be due. If the list was deleted, the missing count of stale datasets raises an alarm.
		s.ports.Log.WarnContext(ctx, "no contract is in force yet; publish them: llac datasets publish", "error", unusable.Error())
		return nil, nil
	}
	if len(contracts) == 0 && unusable != nil {
		return nil, unusable
	}
	if unusable != nil {
		// Invariant 5: the usable contracts in force continue.
		s.ports.Log.ErrorContext(ctx, "contracts cannot be used", "error", unusable.Error())
	}
	switch p := payload.(type) {
	case events.ScheduleTicked:
		return s.tick(ctx, in, p, contracts)
	case events.RunRequested:
		return s.requested(ctx, in, p, contracts, unusable)
	case events.StagingPublished:
		return s.release(ctx, in, p.Dataset, contracts)
	}
	if bad, ok := badEnd(in); ok {
		return s.endedBadly(ctx, in, bad)
	}
	return nil, runtime.Permanent(fmt.Errorf("the scheduler does not consume %s", in.Type))
}

// maxAhead is how far the clock of the sender of a tick or request may be ahead of ours.
const maxAhead = 10 * time.Minute

// timely refuses a tick or a request whose time cannot become a slot. Invariant 10: the pointer only moves forward, so no
// scheduled slot could follow one in the future. All requests without a time would share one slot.
func (s scheduler) timely(payload events.Payload) error {
	var at time.Time
	switch p := payload.(type) {
	case events.ScheduleTicked:
		at = p.ScheduledAt
	case events.RunRequested:
		at = p.RequestedAt
	default:
		return nil
	}
	if ahead := at.Sub(s.ports.Clock.Now()); ahead > maxAhead {
		return fmt.Errorf("%s is for %s, which is %s ahead; correct the clock of the sender, and send it again",
			events.Name(payload.EventType()), lake.Slot(at), ahead.Round(time.Second))
	}
	if at.IsZero() {
		return fmt.Errorf("%s has no time; correct its sender", events.Name(payload.EventType()))
	}
	return nil
}

// request asks for one run of one slot.
type request struct {
	Slot    string   `json:"slot"`
	Trigger string   `json:"trigger"`
	Slices  []string `json:"slices,omitempty"`
	Repeats string   `json:"repeats,omitempty"`
	Force   bool     `json:"force,omitempty"`

	// The trace of a request that waits: the run belongs to this trace, not to that of the publication that releases it.
	TraceParent string `json:"traceparent,omitempty"`
	TraceState  string `json:"tracestate,omitempty"`
}

// is reports whether two requests are the same.
func (r request) is(other request) bool {
	return r.Slot == other.Slot && r.Trigger == other.Trigger && r.Repeats == other.Repeats && r.Force == other.Force && slices.Equal(r.Slices, other.Slices)
}

// record makes the request of a slot unique and names the event that caused it.
type record struct {
	request
	EventID string    `json:"event_id"`
	Receipt string    `json:"receipt"` // of that event: once it is there, the request is published
	At      time.Time `json:"at"`
}

// takeOver is the age from which another event may take over a request whose event has no receipt: that event was given up, or
// the lake was unreachable between the record and the receipt.
const takeOver = time.Hour

func (s scheduler) tick(ctx context.Context, in events.Event, p events.ScheduleTicked, contracts []*contract.Contract) ([]events.Event, error) {
	var out []events.Event
	var failures []error
	stale := 0
	for _, c := range contracts {
		made, old, err := s.dataset(ctx, in, c, p.ScheduledAt)
		out = append(out, made...)
		if old {
			stale++
		}
		if err != nil {
			failures = append(failures, err)
			s.ports.Log.ErrorContext(ctx, "dataset cannot be scheduled by this tick", "dataset", c.Dataset, "error", err.Error())
			s.ports.Metrics.Record(ctx, "schedule_failures", 1, telemetry.Count, "dataset", c.Dataset)
		}
	}
	// At every tick: the alarm ends with the staleness, and a missing tick shows as a missing value.
	s.ports.Metrics.Record(ctx, "datasets_stale", float64(stale), telemetry.Count)
	// Invariant 5: a dataset that cannot be scheduled does not stop the others: their requests are emitted now, and the next tick
	// retries it. When no dataset can be scheduled the lake is unreachable, and this tick is retried.
	if len(failures) > 0 && len(failures) == len(contracts) {
		return nil, errors.Join(failures...)
	}
	return out, nil
}

// dataset schedules one dataset at a tick and reports whether it is stale.
func (s scheduler) dataset(ctx context.Context, in events.Event, c *contract.Contract, now time.Time) ([]events.Event, bool, error) {
	var out []events.Event
	var failed error
	if due, ok := c.DueSlot(now); ok {
		out, failed = s.request(ctx, in, c, request{Slot: lake.Slot(due), Trigger: scheduled})
	}
	made, stale, err := s.freshness(ctx, in, c, now)
	return append(out, made...), stale, errors.Join(failed, err)
}

func (s scheduler) requested(ctx context.Context, in events.Event, p events.RunRequested, contracts []*contract.Contract, unusable error) ([]events.Event, error) {
	i := slices.IndexFunc(contracts, func(c *contract.Contract) bool { return c.Dataset == p.Dataset })
	if i < 0 && unusable != nil {
		return nil, unusable
	}
	if i < 0 {
		var known []string
		for _, c := range contracts {
			known = append(known, c.Dataset)
		}
		return nil, runtime.Permanent(fmt.Errorf("no contract for dataset %q is in force (in force: %s); add datasets/%s.odcs.yaml and deploy it",
			p.Dataset, strings.Join(known, ", "), p.Dataset))
	}
	if p.Trigger == scheduled {
		return nil, runtime.Permanent(fmt.Errorf("request of a run of %s: unknown trigger %q; use manual, backfill or replay", p.Dataset, scheduled))
	}
	c := contracts[i]
	for _, slice := range p.Slices {
		if c.Slicing == nil || !slices.Contains(c.Slicing.Values, slice) {
			return nil, runtime.Permanent(fmt.Errorf("dataset %s has no slice %q in its contract", p.Dataset, slice))
		}
	}
	return s.request(ctx, in, c, request{
		Slot: lake.Slot(p.RequestedAt), Trigger: p.Trigger, Slices: p.Slices, Repeats: p.Repeats, Force: p.Force,
	})
}

// release starts the runs that waited for the dataset just published.
func (s scheduler) release(ctx context.Context, in events.Event, published string, contracts []*contract.Contract) ([]events.Event, error) {
	var out []events.Event
	for _, c := range contracts {
		if !slices.Contains(c.References(), published) {
			continue
		}
		made, err := s.releaseDataset(ctx, in, c)
		out = append(out, made...)
		if err != nil && !runtime.IsPermanent(err) {
			return nil, err
		}
		if err != nil {
			// Invariant 5: a permanent error of one dataset does not hold back the others.
			s.ports.Log.ErrorContext(ctx, "the runs that wait cannot be released", "dataset", c.Dataset, "error", err.Error())
			s.ports.Metrics.Record(ctx, "schedule_failures", 1, telemetry.Count, "dataset", c.Dataset)
		}
	}
	return out, nil
}

func (s scheduler) releaseDataset(ctx context.Context, in events.Event, c *contract.Contract) ([]events.Event, error) {
	h, _, err := s.waiting(ctx, c.Dataset)
	if err != nil {
		return nil, err
	}
	var out []events.Event
	for _, r := range h.Requests {
		made, err := s.request(ctx, in, c, r)
		out = append(out, made...)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// request emits the events that start a run, unless its slot was requested before. It holds the run back until the datasets that
// it refers to are published.
func (s scheduler) request(ctx context.Context, in events.Event, c *contract.Contract, r request) ([]events.Event, error) {
	missing, err := s.unpublished(ctx, c)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		if r.TraceParent == "" {
			r.TraceParent, r.TraceState = cmp.Or(telemetry.TraceParent(ctx), in.TraceParent), in.TraceState
		}
		if err := s.hold(ctx, c.Dataset, r, missing); err != nil {
			return nil, err
		}
		// The last missing dataset may have been published during the write: then its event found nothing to release.
		if missing, err = s.unpublished(ctx, c); err != nil {
			return nil, err
		}
		if len(missing) > 0 {
			s.ports.Log.InfoContext(ctx, "run held back", "dataset", c.Dataset, "slot", r.Slot, "waiting_for", strings.Join(missing, ","))
			return nil, nil
		}
	}
	mine, err := s.claim(ctx, in, c, &r)
	if err != nil || !mine {
		return nil, err
	}
	all := []string{""}
	prefix := ""
	if c.Slicing != nil {
		all, prefix = c.Slicing.Values, c.Slicing.Prefix
		if len(r.Slices) > 0 {
			all = r.Slices
		}
	}
	var out []events.Event
	for _, slice := range all {
		run := events.Run{
			Dataset: c.Dataset, RunID: lake.NewRunID(r.Slot, prefix, slice).String(), Slot: r.Slot, Slice: slice,
			ContractSHA256: c.SHA256, Trigger: r.Trigger, Repeats: r.Repeats,
		}
		if c.Slicing != nil {
			run.Slices = all
		}
		e := events.New(events.ExtractionRequested{Run: run, Force: r.Force})
		// One slot, one id: a request that two events cause is still one request.
		e.ID = c.Dataset + "/" + run.RunID + "/scheduler/1"
		e.TraceParent, e.TraceState = r.TraceParent, r.TraceState // Invariant 7; empty: the runtime's own
		out = append(out, e)
	}
	return out, nil
}

// claim claims the slot of a request for this event and reports whether the event emits the request. Slots count seconds: a
// person's request for a slot that another request has moves to the next second, on every delivery to the same one.
func (s scheduler) claim(ctx context.Context, in events.Event, c *contract.Contract, r *request) (bool, error) {
	for {
		o, err := taken, error(nil)
		// A request of some slices leaves the scheduled slots to runs of all slices.
		if due, ok := c.DueSlot(instant(r.Slot)); r.Trigger == scheduled || len(r.Slices) == 0 || !ok || lake.Slot(due) != r.Slot {
			o, err = s.first(ctx, in, c.Dataset, *r)
		}
		if err != nil || o != taken {
			return o == mine, err
		}
		r.Slot = lake.Slot(instant(r.Slot).Add(time.Second))
	}
}

// instant returns the time of a slot.
func instant(slot string) time.Time {
	t, _ := lake.ParseSlot(slot) // made by lake.Slot
	return t
}

// owner states which event has the request of a slot.
type owner int

const (
	// mine: this event emits the request. It is the first, or was in an earlier delivery, or the first never published it.
	mine  owner = iota + 1
	asked       // another event emits the same request
	taken       // another event emits a different request, so that this one needs another slot
)

// first records the request of a slot and returns its owner.
func (s scheduler) first(ctx context.Context, in events.Event, dataset string, r request) (owner, error) {
	key := lake.RunPrefix(dataset, r.Slot) + "requested.json"
	now := s.ports.Clock.Now()
	receipt := receiptKey(in)
	ours := lake.Encode(record{request: r, EventID: in.ID, Receipt: receipt, At: now})
	_, _, err := s.ports.Lake.PutIfAbsent(ctx, key, ours)
	if err == nil {
		return mine, nil
	}
	if !errors.Is(err, lake.ErrExists) {
		return 0, err
	}
	b, info, err := s.ports.Lake.Get(ctx, key)
	if err != nil {
		return 0, err
	}
	var there record
	if err := json.Unmarshal(b, &there); err != nil {
		return 0, &lake.DecodeError{Key: key, Err: err}
	}
	switch {
	case r.Trigger != scheduled && !there.is(r):
		return taken, nil
	case there.EventID == in.ID && there.Receipt == receipt:
		return mine, nil
	case there.Receipt == "":
		return asked, nil
	}
	final, emitted, err := s.emitted(ctx, there.Receipt, dataset, r.Slot)
	if err != nil || emitted || !final && now.Sub(there.At) < takeOver {
		return asked, err
	}
	_, err = s.ports.Lake.CompareAndSwap(ctx, key, ours, info.ETag)
	if errors.Is(err, lake.ErrChanged) {
		return asked, nil // another event was faster
	}
	return mine, err
}

// emitted reports whether a receipt exists, after which its event emits nothing more, and whether the receipt holds the request
// of a slot of the dataset. A receipt without it may be of an earlier delivery, during which the run was still held back.
func (s scheduler) emitted(ctx context.Context, key, dataset, slot string) (final, emitted bool, err error) {
	receipt, _, err := lake.ReadState[lake.Receipt](ctx, s.ports.Lake, key)
	if receipt == nil {
		return false, false, err
	}
	return true, slices.ContainsFunc(receipt.Events, func(e events.Event) bool {
		p, err := events.As[events.ExtractionRequested](e)
		return err == nil && p.Dataset == dataset && p.Slot == slot
	}), nil
}

// unpublished lists the datasets that c refers to and that were never published.
func (s scheduler) unpublished(ctx context.Context, c *contract.Contract) ([]string, error) {
	var missing []string
	for _, name := range c.References() {
		p, _, err := lake.ReadPointer(ctx, s.ports.Lake, name)
		if err != nil {
			return nil, err
		}
		if p == nil {
			missing = append(missing, name)
		}
	}
	return missing, nil
}

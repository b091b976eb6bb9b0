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
	// A tick or a request belongs to no run yet. The other events are emitted by a run that the scheduler's failure cannot fail.
	GaveUp: runtime.FailsSilently,
}

// ports are the ports that the scheduler requests from the runtime.
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
		// Two people may request different runs in the same second, so a digest of the request is part of the key.
		if p, err := events.As[events.RunRequested](in); err == nil {
			digest := lake.SHA256([]byte(in.ID + "\n" + string(in.Data)))
			return lake.ReceiptKey(p.Dataset, lake.Slot(p.RequestedAt), "scheduler."+digest[:12], 0)
		}
	case events.StagingPublished{}.EventType():
		if p, err := events.As[events.StagingPublished](in); err == nil {
			return lake.ReceiptKey(p.Dataset, p.RunID, "scheduler-dependants", 0)
		}
	default:
		// A run may fail more than once, because it can be retried.
		if failed, ok := failedRunOf(in); ok {
			return lake.ReceiptKey(failed.run.Dataset, failed.run.RunID, "scheduler-incident."+lake.SHA256([]byte(in.ID))[:12], 0)
		}
	}
	return ""
}

func (s scheduler) handle(ctx context.Context, in events.Event) ([]events.Event, error) {
	payload, err := in.Decode()
	if err != nil {
		return nil, runtime.Permanent(err)
	}
	if err := s.checkTime(payload); err != nil {
		return nil, runtime.Permanent(err)
	}
	contracts, unusable := s.ports.Contracts.Current(ctx)
	if _, tick := payload.(events.ScheduleTicked); tick && errors.Is(unusable, runtime.ErrNoContracts) {
		// In a new environment nothing can be due. Record no metric here: the missing metric raises the heartbeat alarm if the
		// index of the contracts was deleted.
		s.ports.Log.WarnContext(ctx, "no contract is in force; run llac datasets publish", "error", unusable.Error())
		return nil, nil
	}
	if len(contracts) == 0 && unusable != nil {
		return nil, unusable
	}
	if unusable != nil {
		// Invariant 5: the datasets whose contracts are usable go on.
		s.ports.Log.ErrorContext(ctx, "some contracts are unusable", "error", unusable.Error())
	}
	switch p := payload.(type) {
	case events.ScheduleTicked:
		return s.tick(ctx, in, p, contracts)
	case events.RunRequested:
		return s.requested(ctx, in, p, contracts, unusable)
	case events.StagingPublished:
		return s.release(ctx, in, p.Dataset, contracts)
	}
	if failed, ok := failedRunOf(in); ok {
		return s.openIncident(ctx, in, failed)
	}
	return nil, runtime.Permanent(fmt.Errorf("the scheduler does not consume %s", in.Type))
}

// maxAhead is how far the clock of a sender may be ahead of the scheduler's clock.
const maxAhead = 10 * time.Minute

// checkTime rejects a tick or a request whose time is missing or in the future. Invariant 10: the pointer only moves
// forward, so no scheduled slot could be published after a slot of the future. All events without a time would share one slot.
func (s scheduler) checkTime(payload events.Payload) error {
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
		return fmt.Errorf("handle %s: its time %s is %s ahead of this service's clock; "+
			"correct the sender's clock, then send the event again",
			events.Name(payload.EventType()), lake.Slot(at), ahead.Round(time.Second))
	}
	if at.IsZero() {
		return fmt.Errorf("handle %s: it has no time; correct its sender", events.Name(payload.EventType()))
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

	// The trace of the event that requested a held run. The run belongs to that trace, not to the trace of the publication
	// that released it.
	TraceParent string `json:"traceparent,omitempty"`
	TraceState  string `json:"tracestate,omitempty"`
}

// equals reports whether two requests ask for the same run.
func (r request) equals(other request) bool {
	return r.Slot == other.Slot && r.Trigger == other.Trigger && r.Repeats == other.Repeats && r.Force == other.Force &&
		slices.Equal(r.Slices, other.Slices)
}

// record is a create-only document that reserves a slot for one request and names the event that caused the request. Only an
// event that takes the request over replaces it.
type record struct {
	request
	EventID string    `json:"event_id"`
	Receipt string    `json:"receipt"` // key of that event's receipt, which lists the request if the event emitted it
	At      time.Time `json:"at"`
}

// takeOverAfter is the age of a record after which another event may emit the recorded request, if the event that the record
// names has no receipt. That event failed permanently, or the lake failed between the record and the receipt.
const takeOverAfter = time.Hour

// tick requests the latest due slot of each dataset and checks its freshness.
func (s scheduler) tick(
	ctx context.Context, in events.Event, p events.ScheduleTicked, contracts []*contract.Contract,
) ([]events.Event, error) {
	var out []events.Event
	var failures []error
	stale := 0
	for _, c := range contracts {
		made, isStale, err := s.dataset(ctx, in, c, p.ScheduledAt)
		out = append(out, made...)
		if isStale {
			stale++
		}
		if err != nil {
			failures = append(failures, err)
			s.ports.Log.ErrorContext(ctx, "scheduling a dataset failed", "dataset", c.Dataset, "error", err.Error())
			s.ports.Metrics.Record(ctx, "schedule_failures", 1, telemetry.Count, "dataset", c.Dataset)
		}
	}
	// Every tick records the count: the alarm ends when it returns to zero, and a missing tick leaves a gap.
	s.ports.Metrics.Record(ctx, "datasets_stale", float64(stale), telemetry.Count)
	// Invariant 5: a dataset that cannot be scheduled does not stop the others. Their requests are emitted now, and the
	// next tick retries the failed one. If every dataset fails, the lake is unavailable, and this tick is retried.
	if len(failures) > 0 && len(failures) == len(contracts) {
		return nil, errors.Join(failures...)
	}
	return out, nil
}

// dataset requests the latest due slot of one dataset, checks its freshness, and reports whether it is stale.
func (s scheduler) dataset(ctx context.Context, in events.Event, c *contract.Contract, now time.Time) ([]events.Event, bool, error) {
	var out []events.Event
	var failed error
	if due, ok := c.DueSlot(now); ok {
		out, failed = s.request(ctx, in, c, request{Slot: lake.Slot(due), Trigger: scheduled})
	}
	made, stale, err := s.freshness(ctx, in, c, now)
	return append(out, made...), stale, errors.Join(failed, err)
}

// requested checks a person's request for a run against the contracts in force, and requests the run.
func (s scheduler) requested(
	ctx context.Context, in events.Event, p events.RunRequested, contracts []*contract.Contract, unusable error,
) ([]events.Event, error) {
	i := slices.IndexFunc(contracts, func(c *contract.Contract) bool { return c.Dataset == p.Dataset })
	if i < 0 && unusable != nil {
		return nil, unusable
	}
	if i < 0 {
		var known []string
		for _, c := range contracts {
			known = append(known, c.Dataset)
		}
		return nil, runtime.Permanent(fmt.Errorf(
			"request a run of dataset %q: it has no contract in force (datasets with a contract: %s); "+
				"add datasets/%s.odcs.yaml and publish it",
			p.Dataset, strings.Join(known, ", "), p.Dataset))
	}
	if p.Trigger == scheduled {
		return nil, runtime.Permanent(fmt.Errorf(
			"request a run of dataset %s: the trigger %q is reserved for the cadence; use manual or backfill",
			p.Dataset, scheduled))
	}
	c := contracts[i]
	for _, slice := range p.Slices {
		if c.Slicing == nil || !slices.Contains(c.Slicing.Values, slice) {
			return nil, runtime.Permanent(fmt.Errorf("request a run of dataset %s: its contract has no slice %q", p.Dataset, slice))
		}
	}
	return s.request(ctx, in, c, request{
		Slot: lake.Slot(p.RequestedAt), Trigger: p.Trigger, Slices: p.Slices, Repeats: p.Repeats, Force: p.Force,
	})
}

// release requests the held runs that wait for the dataset that was just published.
func (s scheduler) release(
	ctx context.Context, in events.Event, published string, contracts []*contract.Contract,
) ([]events.Event, error) {
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
			// Invariant 5: a permanent failure of one dataset does not stop the release of the others.
			s.ports.Log.ErrorContext(ctx, "releasing the held runs of a dataset failed", "dataset", c.Dataset, "error", err.Error())
			s.ports.Metrics.Record(ctx, "schedule_failures", 1, telemetry.Count, "dataset", c.Dataset)
		}
	}
	return out, nil
}

func (s scheduler) releaseDataset(ctx context.Context, in events.Event, c *contract.Contract) ([]events.Event, error) {
	h, _, err := s.readHeld(ctx, c.Dataset)
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

// request emits the request of a run, unless its slot was requested before. It holds the run back until every dataset that the
// contract refers to is published.
func (s scheduler) request(ctx context.Context, in events.Event, c *contract.Contract, r request) ([]events.Event, error) {
	held, err := s.holdUntilPublished(ctx, in, c, &r)
	if err != nil || held {
		return nil, err
	}
	mine, err := s.claim(ctx, in, c, &r)
	if err != nil || !mine {
		return nil, err
	}
	return extractions(c, r), nil
}

// holdUntilPublished holds a request back while a dataset that c refers to is not published, and reports whether it did.
func (s scheduler) holdUntilPublished(ctx context.Context, in events.Event, c *contract.Contract, r *request) (bool, error) {
	missing, err := s.unpublished(ctx, c)
	if err != nil || len(missing) == 0 {
		return false, err
	}
	if r.TraceParent == "" {
		r.TraceParent, r.TraceState = cmp.Or(telemetry.TraceParent(ctx), in.TraceParent), in.TraceState
	}
	if err := s.hold(ctx, c.Dataset, *r, missing); err != nil {
		return false, err
	}
	// Check again: the last missing dataset may have been published before the hold was written. Its event then released nothing.
	if missing, err = s.unpublished(ctx, c); err != nil || len(missing) == 0 {
		return false, err
	}
	s.ports.Log.InfoContext(ctx, "run held back", "dataset", c.Dataset, "slot", r.Slot, "waiting_for", strings.Join(missing, ","))
	return true, nil
}

// extractions returns one event per slice that the request asks for, or one event if the dataset has no slices.
func extractions(c *contract.Contract, r request) []events.Event {
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
		// One slot has one id: a request that two events cause is still one request.
		e.ID = c.Dataset + "/" + run.RunID + "/scheduler/1"
		e.TraceParent, e.TraceState = r.TraceParent, r.TraceState // Invariant 7; if empty, the runtime sets its own trace
		out = append(out, e)
	}
	return out
}

// claim reserves a slot for the request of this event, and reports whether the event must emit the request. Slots have a
// resolution of one second. If a different request has the slot, a person's request moves to the next second. A redelivery
// repeats these steps and reaches the same slot.
func (s scheduler) claim(ctx context.Context, in events.Event, c *contract.Contract, r *request) (bool, error) {
	for {
		o, err := taken, error(nil)
		// A request for some slices does not take a slot of the cadence, which belongs to the run of all slices.
		if due, ok := c.DueSlot(slotTime(r.Slot)); r.Trigger == scheduled || len(r.Slices) == 0 || !ok || lake.Slot(due) != r.Slot {
			o, err = s.recordRequest(ctx, in, c.Dataset, *r)
		}
		if err != nil || o != taken {
			return o == mine, err
		}
		r.Slot = lake.Slot(slotTime(r.Slot).Add(time.Second))
	}
}

// slotTime returns the time of a slot.
func slotTime(slot string) time.Time {
	t, _ := lake.ParseSlot(slot) // cannot fail: lake.Slot made the slot
	return t
}

// owner states which event owns the request of a slot.
type owner int

const (
	// mine: this event must emit the request. It or an earlier delivery of it recorded the slot, or it takes the slot over.
	mine owner = iota + 1
	// duplicate: another event owns the same request.
	duplicate
	// taken: another event owns a different request, so this one needs another slot.
	taken
)

// recordRequest records the request of a slot, unless one is recorded, and returns its owner.
func (s scheduler) recordRequest(ctx context.Context, in events.Event, dataset string, r request) (owner, error) {
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
	var existing record
	if err := json.Unmarshal(b, &existing); err != nil {
		return 0, &lake.DecodeError{Key: key, Err: err}
	}
	switch {
	case r.Trigger != scheduled && !existing.equals(r):
		return taken, nil
	case existing.EventID == in.ID && existing.Receipt == receipt:
		return mine, nil
	case existing.Receipt == "":
		return duplicate, nil
	}
	final, emitted, err := s.emitted(ctx, existing.Receipt, dataset, r.Slot)
	if err != nil || emitted || !final && now.Sub(existing.At) < takeOverAfter {
		return duplicate, err
	}
	_, err = s.ports.Lake.CompareAndSwap(ctx, key, ours, info.ETag)
	if errors.Is(err, lake.ErrChanged) {
		return duplicate, nil // another event was faster
	}
	return mine, err
}

// emitted reads the receipt of a record's event. It reports whether the receipt exists (final) and whether it lists the request
// (emitted). If the receipt exists and does not list the request, another delivery of the event may have held the run back and
// then written the receipt.
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

// unpublished returns the datasets that c refers to and that are not published yet.
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

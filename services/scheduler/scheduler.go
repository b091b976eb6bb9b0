package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// Service is the scheduler.
var Service = runtime.Service{
	Name:     "scheduler",
	Consumes: []string{events.ScheduleTicked{}.EventType(), events.RunRequested{}.EventType(), events.StagingPublished{}.EventType()},
	Emits:    []string{events.ExtractionRequested{}.EventType(), events.DatasetStale{}.EventType(), events.DatasetRecovered{}.EventType()},
	New:      func(p runtime.Ports) runtime.Handler { return scheduler{p}.handle },
	Receipt:  receiptKey,
	GaveUp:   func(events.Event, events.Failure) []events.Event { return nil }, // no run has begun yet
}

type scheduler struct{ ports runtime.Ports }

func receiptKey(in events.Event) string {
	switch in.Type {
	case events.ScheduleTicked{}.EventType():
		if p, err := events.As[events.ScheduleTicked](in); err == nil {
			return "runs/_ticks/" + lake.Slot(p.ScheduledAt) + ".json"
		}
	case events.RunRequested{}.EventType():
		if p, err := events.As[events.RunRequested](in); err == nil {
			return lake.ReceiptKey(p.Dataset, lake.Slot(p.RequestedAt), "scheduler", 0)
		}
	case events.StagingPublished{}.EventType():
		if p, err := events.As[events.StagingPublished](in); err == nil {
			return lake.ReceiptKey(p.Dataset, p.RunID, "scheduler-dependants", 0)
		}
	}
	return ""
}

func (s scheduler) handle(ctx context.Context, in events.Event) ([]events.Event, error) {
	payload, err := in.Decode()
	if err != nil {
		return nil, runtime.Permanent(err)
	}
	contracts, err := s.ports.Contracts.Current(ctx)
	if err != nil {
		return nil, err
	}
	switch p := payload.(type) {
	case events.ScheduleTicked:
		return s.tick(ctx, in, p, contracts)
	case events.RunRequested:
		return s.requested(ctx, in, p, contracts)
	case events.StagingPublished:
		return s.release(ctx, in, p.Dataset, contracts)
	}
	return nil, runtime.Permanent(fmt.Errorf("the scheduler does not deal with %s", in.Type))
}

// request is a wish for a run of one slot.
type request struct {
	Slot    string   `json:"slot"`
	Trigger string   `json:"trigger"`
	Slices  []string `json:"slices,omitempty"`
	Repeats string   `json:"repeats,omitempty"`
	Force   bool     `json:"force,omitempty"`
}

// record is what makes a slot's request unique, and who made it.
type record struct {
	request
	EventID string `json:"event_id"`
}

// held is a run that waits for the datasets its own refers to.
type held struct {
	request
	WaitingFor []string  `json:"waiting_for"`
	Since      time.Time `json:"since"`
}

func (s scheduler) tick(ctx context.Context, in events.Event, p events.ScheduleTicked, contracts []*contract.Contract) ([]events.Event, error) {
	var out []events.Event
	var failed error
	for _, c := range contracts {
		// Invariant 5: a dataset that cannot be scheduled does not stop the others. The tick fails in the end, so
		// that it is tried again; what it did is recorded and not done twice.
		if due, ok := c.DueSlot(p.ScheduledAt); ok {
			made, err := s.request(ctx, in, c, request{Slot: lake.Slot(due), Trigger: "schedule"})
			out, failed = append(out, made...), errors.Join(failed, err)
		}
		made, err := s.freshness(ctx, in, c, p.ScheduledAt)
		out, failed = append(out, made...), errors.Join(failed, err)
	}
	if failed != nil {
		return nil, failed
	}
	return out, nil
}

func (s scheduler) requested(ctx context.Context, in events.Event, p events.RunRequested, contracts []*contract.Contract) ([]events.Event, error) {
	i := slices.IndexFunc(contracts, func(c *contract.Contract) bool { return c.Dataset == p.Dataset })
	if i < 0 {
		var known []string
		for _, c := range contracts {
			known = append(known, c.Dataset)
		}
		return nil, runtime.Permanent(fmt.Errorf("no contract for dataset %q is in force (there are: %s); add datasets/%s.odcs.yaml and deploy it",
			p.Dataset, strings.Join(known, ", "), p.Dataset))
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
		b, _, err := s.ports.Lake.Get(ctx, lake.StateKey(c.Dataset, "held"))
		if errors.Is(err, lake.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var h held
		if err := json.Unmarshal(b, &h); err != nil {
			return nil, runtime.Permanent(fmt.Errorf("decode the held request of %s: %w", c.Dataset, err))
		}
		made, err := s.request(ctx, in, c, h.request)
		if err != nil {
			return nil, err
		}
		out = append(out, made...)
	}
	return out, nil
}

// request asks for a run unless its slot was asked for before, or holds it back until what it refers to is there.
func (s scheduler) request(ctx context.Context, in events.Event, c *contract.Contract, r request) ([]events.Event, error) {
	missing, err := s.unpublished(ctx, c)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		body := lake.Encode(held{request: r, WaitingFor: missing, Since: s.ports.Clock.Now()})
		if _, err := s.ports.Lake.Put(ctx, lake.StateKey(c.Dataset, "held"), body); err != nil {
			return nil, err
		}
		// The last missing dataset may have been published while we wrote: then its event found nothing to release.
		if missing, err = s.unpublished(ctx, c); err != nil {
			return nil, err
		}
		if len(missing) > 0 {
			s.ports.Log.InfoContext(ctx, "run held back", "dataset", c.Dataset, "slot", r.Slot, "waiting_for", strings.Join(missing, ","))
			return nil, nil
		}
	}
	mine, err := s.first(ctx, in, c.Dataset, r)
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
			Dataset: c.Dataset, RunID: lake.RunID(r.Slot, prefix, slice), Slot: r.Slot, Slice: slice,
			ContractSHA256: c.SHA256, Trigger: r.Trigger, Repeats: r.Repeats,
		}
		if c.Slicing != nil {
			run.Slices = all
		}
		e := events.New(events.ExtractionRequested{Run: run, Force: r.Force})
		// One slot, one id: a request that two events cause is still one request.
		e.ID = c.Dataset + "/" + run.RunID + "/scheduler/1"
		out = append(out, e)
	}
	return out, nil
}

// first records the request of a slot and says whether this event made it, now or in an earlier delivery.
func (s scheduler) first(ctx context.Context, in events.Event, dataset string, r request) (bool, error) {
	key := lake.RunPrefix(dataset, r.Slot) + "requested.json"
	_, _, err := s.ports.Lake.PutIfAbsent(ctx, key, lake.Encode(record{r, in.ID}))
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, lake.ErrExists) {
		return false, err
	}
	b, _, err := s.ports.Lake.Get(ctx, key)
	if err != nil {
		return false, err
	}
	var there record
	if err := json.Unmarshal(b, &there); err != nil {
		return false, runtime.Permanent(fmt.Errorf("decode %s: %w", key, err))
	}
	return there.EventID == in.ID, nil
}

// unpublished lists the datasets that c refers to and that nobody has published yet.
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

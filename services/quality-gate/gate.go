package gate

import (
	"context"
	"fmt"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/telemetry"
)

// Service is the quality gate.
var Service = runtime.Service{
	Name:      "quality-gate",
	Consumes:  events.Consumes("quality-gate"),
	Emits:     events.Emits("quality-gate"),
	New:       func(p runtime.Ports) runtime.Handler { return gate{p}.handle },
	Catalogue: catalogue.New,
	Size:      runtime.Size{MemoryMiB: 1024, Timeout: 5 * time.Minute, BatchSize: 1, MaximumConcurrency: 2},
	Receipt: func(in events.Event) string {
		switch p, _ := in.Decode(); p := p.(type) {
		case events.StagingWritten:
			return lake.ReceiptKey(p.Dataset, p.RunID, "quality-gate", 0)
		case events.ExtractionUnchanged:
			if p.Slice != "" {
				return lake.ReceiptKey(p.Dataset, p.RunID, "quality-gate", 0)
			}
		}
		return ""
	},
}

type gate struct{ ports runtime.Ports }

func (g gate) handle(ctx context.Context, in events.Event) ([]events.Event, error) {
	payload, err := in.Decode()
	if err != nil {
		return nil, runtime.Permanent(err)
	}
	var out []events.Event
	switch p := payload.(type) {
	case events.StagingWritten:
		out, err = g.written(ctx, p)
	case events.ExtractionUnchanged:
		if p.Slice == "" {
			return nil, nil // nothing new to publish, and nobody waits for it
		}
		out, err = g.unchanged(ctx, p)
	default:
		err = runtime.Permanent(fmt.Errorf("the quality gate does not deal with %s", in.Type))
	}
	if err != nil {
		return nil, err
	}
	return out, g.follow(ctx, out)
}

// follow brings the tables to the pointer before anybody is told of a publication: who hears of a snapshot finds its
// table. Where it fails the event is not told, and the next delivery, which finds the pointer moved, comes here again.
func (g gate) follow(ctx context.Context, out []events.Event) error {
	if g.ports.Catalogue == nil {
		return nil
	}
	for _, e := range out {
		if e.Type == (events.StagingPublished{}).EventType() {
			return g.ports.Catalogue.Follow(ctx, e.Subject)
		}
	}
	return nil
}

// written audits a candidate and, when it passes, publishes it or lets it wait for the other slices of its slot.
func (g gate) written(ctx context.Context, p events.StagingWritten) ([]events.Event, error) {
	c, err := g.ports.Contracts.Load(ctx, p.ContractSHA256)
	if err != nil {
		return nil, err
	}
	candidate, err := lake.ReadDocument[lake.Candidate](ctx, g.ports.Lake, p.Candidate)
	if err != nil {
		return nil, err
	}
	pointer, _, err := lake.ReadPointer(ctx, g.ports.Lake, p.Dataset)
	if err != nil {
		return nil, err
	}
	if out, done, err := g.decided(ctx, pointer, p.Run, p.Candidate); done || err != nil {
		return out, err
	}
	started := g.ports.Clock.Now()
	verdict, ref, err := g.judge(ctx, c, p.Candidate, candidate, pointer)
	if err != nil {
		return nil, err
	}
	g.ports.Metrics.Record(ctx, "audit_time", float64(g.ports.Clock.Now().Sub(started).Milliseconds()), telemetry.Milliseconds, "dataset", p.Dataset, "run", p.RunID)
	if !verdict.Passed {
		return []events.Event{events.New(events.StagingRejected{
			Run: p.Run, Candidate: p.Candidate, Verdict: ref, Problems: problems(verdict),
		})}, nil
	}
	part := lake.PointerPart{
		PublishedPart: events.PublishedPart{RunID: p.RunID, Slice: p.Slice, Manifest: candidate.Manifest, Candidate: p.Candidate, Verdict: ref},
		Validators:    candidate.Validators, Rows: candidate.Staged, Bytes: candidate.Bytes, Objects: candidate.Objects,
	}
	if c.Slicing == nil {
		whole := func(*lake.Pointer) ([]lake.PointerPart, []events.Problem) { return []lake.PointerPart{part}, nil }
		return g.publish(ctx, c, p.Run, candidate.SourceSystem, p.Candidate, whole)
	}
	return g.join(ctx, c, p.Run, candidate.SourceSystem, part)
}

// decided says whether the slot of the run was decided before: published by an earlier delivery of this very event, or
// overtaken by a later slot.
func (g gate) decided(ctx context.Context, pointer *lake.Pointer, run events.Run, candidate events.Object) ([]events.Event, bool, error) {
	// Invariant 10: the pointer only moves forward.
	if pointer == nil || pointer.Snapshot < run.Slot {
		return nil, false, nil
	}
	mine := pointer
	if pointer.Snapshot != run.Slot {
		old, err := g.history(ctx, run.Dataset, run.Slot)
		if err != nil {
			return nil, false, err
		}
		mine = old
	}
	// The pointer moved and the receipt was not written: say again what was done, or the landing stays for ever.
	if mine != nil && mine.RunID == run.RunID && mine.Snapshot == run.Slot {
		return []events.Event{published(run, mine)}, true, nil
	}
	if mine != nil && candidate == (events.Object{}) { // an unchanged slice of a slot that another slice has published
		return []events.Event{onBehalf(run, mine)}, true, nil
	}
	if mine != nil {
		if part := mine.Part(run.Slice); part != nil && part.Candidate == candidate {
			accepted := events.New(events.StagingAccepted{Run: run, Candidate: candidate, Verdict: part.Verdict})
			return []events.Event{accepted, onBehalf(run, mine)}, true, nil
		}
	}
	return []events.Event{events.New(events.RunSuperseded{Run: run, Candidate: candidate, Published: pointer.Snapshot})}, true, nil
}

// onBehalf tells that another slice's run has published the slot of this one, in the words and under the id of that run.
// Its own receipt may be of an earlier delivery, from before the slot was complete, and then it may not speak; the slice
// that made the slot complete comes here in all its deliveries or moves the pointer itself, so that one of them is heard.
func onBehalf(run events.Run, p *lake.Pointer) events.Event {
	run.Slice, run.RunID = lake.SliceOf(run, p.RunID), p.RunID
	e := published(run, p)
	e.ID = run.Dataset + "/" + run.RunID + "/quality-gate/1" // as the runtime stamps it
	return e
}

// judge returns the verdict on a candidate: the one that is written already, or a new one.
func (g gate) judge(ctx context.Context, c *contract.Contract, ref events.Object, candidate lake.Candidate, pointer *lake.Pointer) (lake.Verdict, events.Object, error) {
	key := lake.VerdictKey(candidate.Run.Dataset, candidate.Run.RunID, candidate.Attempt)
	if v, o, err := g.readVerdict(ctx, key, ref); err != nil || v != nil {
		return deref(v), o, err
	}
	verdict, err := g.audit(ctx, c, ref, candidate, pointer)
	if err != nil {
		return lake.Verdict{}, events.Object{}, err
	}
	return g.writeVerdict(ctx, key, verdict)
}

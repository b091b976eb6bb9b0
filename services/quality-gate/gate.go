package gate

import (
	"context"
	"fmt"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/clock"
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
	New:       runtime.Construct(func(p ports) runtime.Handler { return gate{p}.handle }),
	Catalogue: catalogue.New,
	// A snapshot may take all of the time.
	Size: runtime.Size{MemoryMiB: 1024, Timeout: 5 * time.Minute, PerMessage: 5 * time.Minute, BatchSize: 1, MaximumConcurrency: 2},
	Stage: runtime.Stage{State: "checking", Ends: events.TypesOf(
		events.StagingAccepted{}, events.StagingPublished{}, events.StagingRejected{}, events.RunSuperseded{})},
	GaveUp: runtime.FailsRun,
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

// ports are the ports that the quality gate requests from the runtime.
type ports struct {
	Lake           lake.Store
	Contracts      runtime.Contracts
	Catalogue      runtime.Catalogue
	AllowSimulated bool
	Clock          clock.Clock
	Metrics        telemetry.Metrics
	Build          string
	Failpoint      func(name string)
}

type gate struct{ ports ports }

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
			return nil, nil // nothing to publish, and no other slice waits for it
		}
		out, err = g.unchanged(ctx, p)
	default:
		err = runtime.Permanent(fmt.Errorf("the quality gate does not consume %s", in.Type))
	}
	if err != nil {
		return nil, err
	}
	return out, g.follow(ctx, out)
}

// follow updates the tables to the pointer before a publication is emitted: a consumer of the event finds the snapshot's
// table. If it fails, the event is not emitted. The next delivery finds the pointer moved and follows again.
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

// written audits a candidate. If it passes, written publishes it or, of a sliced dataset, joins it with the other slices.
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
	took := float64(g.ports.Clock.Now().Sub(started).Milliseconds())
	g.ports.Metrics.Record(ctx, "audit_time", took, telemetry.Milliseconds, "dataset", p.Dataset, "run", p.RunID)
	if !verdict.Passed {
		return []events.Event{events.New(events.StagingRejected{
			Run: p.Run, Candidate: p.Candidate, Verdict: ref, Problems: problems(*verdict),
		})}, nil
	}
	part := lake.PointerPart{
		PublishedPart: events.PublishedPart{
			RunID:     p.RunID,
			Slice:     p.Slice,
			Manifest:  candidate.Manifest,
			Candidate: p.Candidate,
			Verdict:   ref,
		},
		Validators: candidate.Validators, Rows: candidate.Staged, Cells: candidate.Cells, Bytes: candidate.Bytes,
		Objects: candidate.Objects,
	}
	return g.accept(ctx, c, p.Run, candidate.Origin(), part)
}

// accept publishes a part that passed or, of a sliced dataset, joins it with the other slices.
func (g gate) accept(
	ctx context.Context, c *contract.Contract, run events.Run, origin lake.Origin, part lake.PointerPart,
) ([]events.Event, error) {
	if c.Slicing != nil {
		return g.join(ctx, c, run, origin, part)
	}
	whole := func(*lake.Pointer) ([]lake.PointerPart, []events.Problem) { return []lake.PointerPart{part}, nil }
	return g.publish(ctx, c, run, origin, part.Candidate, whole)
}

// decided reports whether the slot of the run, or a later slot, is already published. If so, it returns the events to emit. An
// earlier delivery of this event or another slice may have published the slot.
func (g gate) decided(
	ctx context.Context, pointer *lake.Pointer, run events.Run, candidate events.Object,
) ([]events.Event, bool, error) {
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
	// The pointer moved, but no receipt exists: emit the same event again. Without it the janitor never deletes the landing.
	if mine != nil && mine.RunID == run.RunID && mine.Snapshot == run.Slot {
		return []events.Event{published(run, mine)}, true, nil
	}
	if mine != nil && candidate == (events.Object{}) { // an unchanged slice of a slot that another slice published
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

// onBehalf returns the staging.published event of the run that moved the pointer, with the id that the event has when that
// run emits it. The run that moved the pointer may already have a receipt without this event. The slice that completes the
// slot therefore emits it: each of its deliveries moves the pointer or calls onBehalf. The event is emitted at least once.
func onBehalf(run events.Run, p *lake.Pointer) events.Event {
	run.Slice, run.RunID = lake.SliceOf(run, p.RunID), p.RunID
	e := published(run, p)
	e.ID = run.Dataset + "/" + run.RunID + "/quality-gate/1" // the id that the runtime assigns
	return e
}

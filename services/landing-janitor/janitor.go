package janitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/telemetry"
)

// Service is the landing janitor.
var Service = runtime.Service{
	Name:      "landing-janitor",
	Consumes:  events.Consumes("landing-janitor"),
	Emits:     events.Emits("landing-janitor"),
	New:       runtime.Construct(func(p ports) runtime.Handler { return janitor{p}.handle }),
	Catalogue: catalogue.New,
	Size:      runtime.Size{MemoryMiB: 512, Timeout: 15 * time.Minute, BatchSize: 10, MaximumConcurrency: 2},
	Stage:     runtime.Stage{State: "clearing", Ends: events.TypesOf(events.LandingDeleted{})},
	GaveUp:    runtime.FailsRun,
	Receipt: func(in events.Event) string {
		switch p, _ := in.Decode(); p := p.(type) {
		case events.StagingPublished:
			return lake.ReceiptKey(p.Dataset, p.RunID, "landing-janitor", 0)
		case events.SweepTicked:
			return "runs/_sweeps/" + lake.Slot(p.ScheduledAt) + ".json"
		}
		return ""
	},
}

// ports are the ports that the landing-janitor uses.
type ports struct {
	Lake        lake.Store
	Contracts   runtime.Contracts
	DeadLetters runtime.DeadLetters
	Catalogue   runtime.Catalogue
	Clock       clock.Clock
	Metrics     telemetry.Metrics
	Log         *slog.Logger
	Build       string
	Failpoint   func(name string)
}

type janitor struct{ ports ports }

func (j janitor) handle(ctx context.Context, in events.Event) ([]events.Event, error) {
	payload, err := in.Decode()
	if err != nil {
		return nil, runtime.Permanent(err)
	}
	switch p := payload.(type) {
	case events.StagingPublished:
		return j.published(ctx, p)
	case events.SweepTicked:
		if p.ScheduledAt.IsZero() {
			return nil, runtime.Permanent(errors.New("sweep: the tick has no time, so the age of objects is unknown; " +
				"check the schedule that sends it"))
		}
		return nil, j.sweep(ctx, p.ScheduledAt)
	}
	return nil, runtime.Permanent(fmt.Errorf("handle %s: the landing-janitor does not consume it", in.Type))
}

// published deletes the landing of every run from which the snapshot was made.
func (j janitor) published(ctx context.Context, p events.StagingPublished) ([]events.Event, error) {
	c, err := j.ports.Contracts.Load(ctx, p.ContractSHA256)
	if err != nil {
		return nil, err
	}
	out := events.LandingDeleted{Run: p.Run, Snapshot: p.Snapshot, Archived: c.RawPages != contract.RawDelete}
	for _, part := range p.Parts {
		if part.CarriedOn {
			continue
		}
		evidence, ref, err := j.evidence(ctx, c, p, part)
		if err != nil {
			return nil, err
		}
		j.ports.Failpoint("before-delete")
		// Invariant 4: the evidence is durable. Only now are objects deleted.
		if err := j.delete(ctx, evidence.Deletes); err != nil {
			return nil, err
		}
		j.ports.Failpoint("after-delete")
		out.Evidence = append(out.Evidence, ref)
		out.Objects += len(evidence.Deletes)
		for _, d := range evidence.Deletes {
			out.Bytes += d.Size
		}
	}
	j.ports.Metrics.Record(ctx, "bytes_deleted", float64(out.Bytes), telemetry.Bytes, "dataset", p.Dataset, "run", p.RunID)
	return []events.Event{events.New(out)}, nil
}

// delete deletes exactly the versions that the entries name, in order.
func (j janitor) delete(ctx context.Context, entries []lake.EvidenceEntry) error {
	for _, d := range entries {
		if err := j.ports.Lake.Delete(ctx, d.Key, d.VersionID); err != nil {
			return err
		}
	}
	return nil
}

// evidence returns the evidence for one part of a snapshot. If no earlier delivery wrote it, evidence archives the landing
// and writes it.
func (j janitor) evidence(
	ctx context.Context, c *contract.Contract, p events.StagingPublished, part events.PublishedPart,
) (lake.Evidence, events.Object, error) {
	key := lake.EvidenceKey(p.Dataset, part.RunID)
	if e, ref, err := j.readEvidence(ctx, key); err != nil || e != nil {
		if e != nil {
			return *e, ref, err
		}
		return lake.Evidence{}, ref, err
	}
	if err := j.allowed(ctx, p, part); err != nil {
		return lake.Evidence{}, events.Object{}, err
	}
	manifest, err := lake.ReadDocument[lake.Manifest](ctx, j.ports.Lake, part.Manifest)
	if err != nil {
		return lake.Evidence{}, events.Object{}, err
	}
	evidence := lake.Evidence{
		Dataset: p.Dataset, RunID: part.RunID, Snapshot: p.Snapshot, Reason: "published", RawPolicy: string(c.RawPages),
		Manifest: &part.Manifest, Candidate: &part.Candidate, Verdict: &part.Verdict, Build: j.ports.Build,
	}
	objects := make([]events.Object, 0, len(manifest.Pages)+len(manifest.Parts)+1)
	for _, page := range manifest.Pages {
		objects = append(objects, page.Object)
	}
	objects = append(append(objects, manifest.Parts...), part.Manifest) // the manifest is deleted last
	for _, o := range objects {
		entry := lake.EvidenceEntry{Object: o}
		if c.RawPages != contract.RawDelete {
			archived, err := j.archive(ctx, o)
			if err != nil {
				return lake.Evidence{}, events.Object{}, err
			}
			entry.Archive = &archived
		}
		evidence.Deletes = append(evidence.Deletes, entry)
	}
	evidence.DecidedAt = j.ports.Clock.Now()
	body := lake.Encode(evidence)
	info, _, err := j.ports.Lake.PutIfAbsent(ctx, key, body)
	if errors.Is(err, lake.ErrExists) { // another delivery wrote the evidence first; use that
		e, ref, err := j.readEvidence(ctx, key)
		if err == nil && e == nil {
			err = fmt.Errorf("read evidence %s: it was deleted in the meantime", key)
		}
		if err != nil {
			return lake.Evidence{}, ref, err
		}
		return *e, ref, nil
	}
	if err != nil {
		return lake.Evidence{}, events.Object{}, err
	}
	info.SHA256 = lake.SHA256(body)
	return evidence, info.Object(), nil
}

func (j janitor) readEvidence(ctx context.Context, key string) (*lake.Evidence, events.Object, error) {
	b, info, err := j.ports.Lake.Get(ctx, key)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, events.Object{}, nil
	}
	if err != nil {
		return nil, events.Object{}, err
	}
	e := new(lake.Evidence)
	if err := json.Unmarshal(b, e); err != nil {
		return nil, events.Object{}, runtime.Permanent(fmt.Errorf("decode evidence %s: %w; nothing was deleted", key, err))
	}
	info.SHA256, info.Size = lake.SHA256(b), int64(len(b))
	return e, info.Object(), nil
}

// allowed checks that the part is published and that its verdict passes it. It reads the lake; it does not trust the event.
func (j janitor) allowed(ctx context.Context, p events.StagingPublished, part events.PublishedPart) error {
	pointer, _, err := lake.ReadPointer(ctx, j.ports.Lake, p.Dataset)
	if err != nil {
		return err
	}
	if pointer == nil || pointer.Snapshot != p.Snapshot {
		if pointer, err = lake.ReadHistory(ctx, j.ports.Lake, p.Dataset, p.Snapshot); err != nil {
			return err
		}
		if pointer == nil {
			pointer = new(lake.Pointer) // a pointer without parts
		}
	}
	refuse := func(why string) error {
		// Invariant 3: no landing object is deleted without a passing verdict for what was made from it.
		return runtime.Permanent(fmt.Errorf("delete the landing of run %s of %s: %s; the landing is kept", part.RunID, p.Dataset, why))
	}
	there := pointer.Part(part.Slice)
	if there == nil || there.RunID != part.RunID || there.Manifest != part.Manifest ||
		there.Candidate != part.Candidate || there.Verdict != part.Verdict {
		return refuse("no published snapshot " + p.Snapshot + " contains this run")
	}
	verdict, err := lake.ReadDocument[lake.Verdict](ctx, j.ports.Lake, part.Verdict)
	if err != nil {
		return err
	}
	if !verdict.Passes(part.Candidate) {
		return refuse("verdict " + part.Verdict.Key + " does not pass its candidate")
	}
	candidate, err := lake.ReadDocument[lake.Candidate](ctx, j.ports.Lake, part.Candidate)
	if err != nil {
		return err
	}
	if candidate.Manifest != part.Manifest {
		return refuse("the published candidate was made from another landing")
	}
	return nil
}

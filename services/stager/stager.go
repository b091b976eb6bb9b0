package stager

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/telemetry"
	"github.com/llac-project/llac/services/stager/engine"
)

// Service is the stager.
var Service = runtime.Service{
	Name:     "stager",
	Consumes: events.Consumes("stager"),
	Emits:    events.Emits("stager"),
	New:      runtime.Construct(func(p ports) runtime.Handler { return newStager(p, engine.Stage).handle }),
	// One event per invocation: a run may take all of the time, and needs all of the memory.
	Size: runtime.Size{MemoryMiB: 1024, Timeout: 15 * time.Minute, PerMessage: 15 * time.Minute, BatchSize: 1, MaximumConcurrency: 4,
		EphemeralStorageMiB: 1024},
	Stage: runtime.Stage{State: "checking", Ends: events.TypesOf(events.StagingWritten{})},
	Series: []telemetry.Series{
		{Name: "rows_staged", Outcomes: 1, Why: "volume"},
		{Name: "rows_quarantined", Outcomes: 1, Why: "volume; its share is a property"},
		{Name: "bytes_staged", Outcomes: 1, Why: "volume"},
	},
	GaveUp: runtime.FailsRun,
	Receipt: func(in events.Event) string {
		p, err := events.As[events.LandingValidated](in)
		if err != nil {
			return ""
		}
		return lake.ReceiptKey(p.Dataset, p.RunID, "stager", 0)
	},
}

// stageFunc has the signature of engine.Stage.
type stageFunc func(ctx context.Context, in engine.Input, out engine.Sink, o engine.Options) (engine.Result, error)

// ports are the ports that the stager uses.
type ports struct {
	Lake       lake.Store
	Contracts  runtime.Contracts
	Memory     int64
	Temporary  string
	Clock      clock.Clock
	NewAttempt func() string
	Metrics    telemetry.Metrics
	Failpoint  func(name string)
}

type stager struct {
	ports ports
	stage stageFunc
	turn  chan struct{} // held by the one run that uses all processors and all the memory of staging

	references *references
}

func newStager(p ports, stage stageFunc) stager {
	return stager{ports: p, stage: stage, turn: make(chan struct{}, 1), references: newReferences(p.Lake)}
}

func (s stager) handle(ctx context.Context, in events.Event) ([]events.Event, error) {
	p, err := events.As[events.LandingValidated](in)
	if err != nil {
		return nil, runtime.Permanent(err)
	}
	c, err := s.ports.Contracts.Load(ctx, p.ContractSHA256)
	if err != nil {
		return nil, err
	}
	manifest, err := lake.ReadManifest(ctx, s.ports.Lake, p.Manifest, p.Run)
	if err != nil {
		return nil, err
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to stage %s: %w", p.Dataset, ctx.Err())
	}
	started := s.ports.Clock.Now()
	matched, err := s.references.prepare(ctx, c, manifest.Description.SourceSystem)
	if err != nil {
		return nil, err
	}
	attempt := s.ports.NewAttempt()
	out := newSink(s.ports.Lake, p.Dataset, p.RunID, attempt, s.ports.Temporary)
	defer out.close()
	input := s.input(p, c, manifest)
	input.Finders = matched.finders
	result, err := s.stage(ctx, input, out, engine.Options{Memory: s.ports.Memory, Temporary: s.ports.Temporary})
	if err != nil {
		return nil, err
	}
	candidate, err := list(p, attempt, manifest, result, out)
	if err != nil {
		return nil, runtime.Permanent(err)
	}
	candidate.References = matched.snapshots
	s.ports.Failpoint("stager-before-candidate")
	written, err := out.put(ctx, lake.CandidateKey(p.Dataset, p.RunID, attempt), lake.Encode(candidate))
	if err != nil {
		return nil, err
	}
	elapsed := s.ports.Clock.Now().Sub(started)
	s.record(ctx, candidate, float64(elapsed.Milliseconds()))
	return []events.Event{events.New(events.StagingWritten{
		Run: p.Run, Attempt: attempt, Candidate: written,
		RowsIn: result.RowsIn, Staged: result.Staged, Duplicates: result.Duplicates, Quarantined: result.Quarantined,
		ByReason: result.ByReason, Refused: result.Refused(), RefusedByReason: result.CellReasons,
		Bytes: candidate.Bytes, References: candidate.References,
	})}, nil
}

// list returns the candidate manifest of the staged files.
func list(p events.LandingValidated, attempt string, m lake.Manifest, r engine.Result, out *sink) (lake.Candidate, error) {
	c := lake.Candidate{
		Run: p.Run, Attempt: attempt, Manifest: p.Manifest,
		SourceSystem: m.Description.SourceSystem, Validators: m.Description.Validators, Objects: []lake.CandidateObject{},
		RowsIn: r.RowsIn, Staged: r.Staged, Duplicates: r.Duplicates, Quarantined: r.Quarantined, ByReason: r.ByReason,
		Cells: r.Cells, CellReasons: r.CellReasons, Warnings: r.Warnings,
	}
	// Invariant 5: the engine read exactly the landed rows, and every row is staged, a duplicate or quarantined.
	if r.RowsIn != m.Rows || r.RowsIn != r.Staged+r.Duplicates+r.Quarantined {
		return c, fmt.Errorf("stage run %s of %s: the manifest counts %d rows, the engine read %d: %d staged + %d duplicates + "+
			"%d quarantined; run the dataset again",
			p.RunID, p.Dataset, m.Rows, r.RowsIn, r.Staged, r.Duplicates, r.Quarantined)
	}
	for _, f := range r.Files {
		o, err := out.object(f.Output)
		if err != nil {
			return c, err
		}
		if f.Quarantine {
			c.Quarantine = &o
			continue
		}
		c.Objects = append(c.Objects, lake.CandidateObject{Object: o, Partition: f.Partition, Rows: f.Rows})
		c.Bytes += o.Size
	}
	return c, nil
}

func (s stager) input(p events.LandingValidated, c *contract.Contract, m lake.Manifest) engine.Input {
	d := m.Description
	in := engine.Input{
		Contract: c, Slice: p.Slice, Validated: true,
		Lineage: engine.Lineage{
			Source: first(d.SourceText, d.SourceSystem), SourceSystem: d.SourceSystem, SourceURL: durable(d.URL, d.SourceSystem),
			SourceUpdatedAt: first(d.Validators.UpdatedAt, d.Validators.LastModified), Slot: p.Slot, RunID: p.RunID,
		},
		Pages: make([]engine.Page, len(m.Pages)),
	}
	for i, page := range m.Pages {
		in.Pages[i] = engine.Page{
			Key: page.Key, SHA256: page.SHA256, Rows: page.Rows, Size: page.Size,
			Read: func(ctx context.Context, into []byte) ([]byte, error) { return s.read(ctx, page.Object, into) },
		}
	}
	return in
}

// read reads a page, into the buffer if it fits.
func (s stager) read(ctx context.Context, page events.Object, into []byte) ([]byte, error) {
	return lake.ReadInto(ctx, s.ports.Lake, page, into)
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// record records the metrics of the run: only counts, sizes and times (invariant 8).
func (s stager) record(ctx context.Context, c lake.Candidate, milliseconds float64) {
	about := []any{"dataset", c.Run.Dataset, "run", c.Run.RunID}
	m := s.ports.Metrics
	m.Record(ctx, "rows_staged", float64(c.Staged), telemetry.Count, about...)
	m.Record(ctx, "rows_duplicate", float64(c.Duplicates), telemetry.Count, about...)
	share := 0.0
	if c.RowsIn > 0 {
		share = 100 * float64(c.Quarantined) / float64(c.RowsIn)
	}
	quarantined := append(slices.Clone(about), "rows_in", c.RowsIn, "quarantine_percent", share)
	m.Record(ctx, "rows_quarantined", float64(c.Quarantined), telemetry.Count, quarantined...)
	m.Record(ctx, "cells_refused", float64(lake.TotalCells(c.Cells).Refused), telemetry.Count, about...)
	m.Record(ctx, "bytes_staged", float64(c.Bytes), telemetry.Bytes, about...)
	m.Record(ctx, "staging_time", milliseconds, telemetry.Milliseconds, about...)
}

// durable returns a URL as published data contain it. A simulator listens on another port each time and its URL cannot be
// followed later, so its host is replaced by one that names the simulator (invariant 11). The manifest keeps the real URL.
func durable(address, sourceSystem string) string {
	u, err := url.Parse(address)
	if lake.Origin(sourceSystem) != lake.SimulatorOrigin || err != nil || u.Host == "" {
		return address
	}
	u.Scheme, u.Host = "https", "simulator.invalid"
	return u.String()
}

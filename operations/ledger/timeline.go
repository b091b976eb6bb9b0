package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// Timeline is a request hop by hop, with what decided over it.
type Timeline struct {
	Summary
	Slice    string     `json:"slice,omitempty"` // the run id of the one slice that is told; the state is the whole request's
	Traces   []string   `json:"trace_ids"`       // one, unless another dataset's publication released the request
	Hops     []Step     `json:"hops"`
	Verdicts []Verdict  `json:"verdicts,omitempty"`
	Evidence []Evidence `json:"evidence,omitempty"`
	// Manual says who collected the pages by hand; nothing where the fetcher did.
	Manual []lake.Manual `json:"manual,omitempty"`
	// Quarantine holds the keys of the rejected rows, which only tools that may see personal values open.
	Quarantine []string `json:"quarantine_keys,omitempty"`
}

// Step is one hop as it is shown.
type Step struct {
	Run        string          `json:"run"`
	Stage      string          `json:"stage"`
	Part       int             `json:"part,omitempty"`
	EventID    string          `json:"event_id"`
	Event      string          `json:"event"` // short type of what the stage was told
	StartedAt  time.Time       `json:"started_at"`
	DurationMS float64         `json:"duration_ms"`
	WaitMS     *float64        `json:"wait_ms,omitempty"` // since the event was emitted; nothing where that is not known
	TraceID    string          `json:"trace_id,omitempty"`
	SpanID     string          `json:"span_id,omitempty"`
	Published  []Publication   `json:"published"`
	Failure    *events.Failure `json:"failure,omitempty"`
	// HeldBack: the scheduler let the request wait for datasets that it refers to.
	HeldBack bool `json:"held_back,omitempty"`
}

// Publication is one event that a stage published. Payloads hold keys, counts and digests, never rows.
type Publication struct {
	ID      string          `json:"id"`
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload"`
	decoded events.Payload
}

// Decoded returns the payload in its Go type; nil for a type that this build does not know.
func (p Publication) Decoded() events.Payload { return p.decoded }

// Verdict is the gate's verdict and where it lies.
type Verdict struct {
	Key string `json:"key"`
	lake.Verdict
}

// Evidence is the proof of a run's landing deletion in counts, and where the whole of it lies.
type Evidence struct {
	Key       string    `json:"key"`
	RunID     string    `json:"run_id"`
	Deleted   int       `json:"deleted"`
	Archived  int       `json:"archived"`
	RawPolicy string    `json:"raw_policy"`
	DecidedAt time.Time `json:"decided_at"`
}

// Snapshot reads the pointer of a published snapshot, current or superseded; nil where there is none.
func (l Ledger) Snapshot(ctx context.Context, dataset, snapshot string) (*lake.Pointer, error) {
	p, _, err := lake.ReadPointer(ctx, l.Lake, dataset)
	if err != nil || p != nil && p.Snapshot == snapshot {
		return p, err
	}
	return lake.ReadHistory(ctx, l.Lake, dataset, snapshot)
}

// Timeline reads a request hop by hop; slice, a run id, narrows it to one slice. ErrNoRun: it left nothing.
func (l Ledger) Timeline(ctx context.Context, r Request, slice string) (Timeline, error) {
	hops, err := l.hops(ctx, r.Dataset, r.Slot)
	if err != nil {
		return Timeline{}, err
	}
	whole := hops
	if slice != "" {
		hops = slices.DeleteFunc(slices.Clone(hops), func(h Hop) bool { return h.Run != slice && h.Run != r.Slot })
		if !slices.ContainsFunc(hops, func(h Hop) bool { return h.Run == slice }) {
			hops = nil
		}
	}
	if len(hops) == 0 {
		return Timeline{}, fmt.Errorf("%s/%s: %w", r.Dataset, r.Slot, ErrNoRun)
	}
	t := Timeline{Slice: slice}
	if t.Summary, err = l.summarize(ctx, r.Dataset, r.Slot, hops); err != nil {
		return t, err
	}
	if slice != "" { // no slice ends by itself: the last of them to arrive decides over all
		request, err := l.summarize(ctx, r.Dataset, r.Slot, whole)
		if err != nil {
			return t, err
		}
		t.State, t.Reason, t.Snapshot = request.State, request.Reason, request.Snapshot
	}
	emitted := map[string]time.Time{}
	for _, h := range hops {
		for _, e := range h.Events {
			emitted[e.ID] = e.Time
		}
	}
	for _, h := range hops {
		t.Hops = append(t.Hops, step(h, emitted))
		if h.TraceID != "" && !slices.Contains(t.Traces, h.TraceID) {
			t.Traces = append(t.Traces, h.TraceID)
		}
	}
	a := new(Account)
	a.take(r.Dataset, r.Slot, hops)
	for _, run := range a.ordered() {
		if slice == "" || run.RunID == slice {
			if err := l.documents(ctx, run, &t); err != nil {
				return t, err
			}
		}
	}
	return t, nil
}

// manual reads who collected the pages of a run by hand, from its manifest in landing or, later, in the archive.
func (l Ledger) manual(ctx context.Context, r *run, t *Timeline) error {
	if r.written == nil || !r.byHand {
		return nil
	}
	o := r.written.Manifest
	m, err := lake.ReadDocument[lake.Manifest](ctx, l.Lake, o)
	if errors.Is(err, lake.ErrNotFound) {
		o.Key, o.VersionID = lake.ArchiveKey(o.Key), "" // the same bytes, elsewhere
		m, err = lake.ReadDocument[lake.Manifest](ctx, l.Lake, o)
	}
	if errors.Is(err, lake.ErrNotFound) { // a contract that keeps no raw pages
		return nil
	}
	if err == nil && m.Manual != nil {
		t.Manual = append(t.Manual, *m.Manual)
	}
	return err
}

func step(h Hop, emitted map[string]time.Time) Step {
	s := Step{
		Run: h.Run, Stage: h.Stage, Part: h.Part, EventID: h.EventID, Event: events.Name(h.EventType), StartedAt: h.StartedAt,
		DurationMS: milliseconds(h.FinishedAt.Sub(h.StartedAt)), TraceID: h.TraceID, SpanID: h.SpanID, Failure: h.Failure,
		Published: []Publication{}, HeldBack: h.heldBack(),
	}
	if at, ok := emitted[h.EventID]; ok && !h.StartedAt.Before(at) {
		wait := milliseconds(h.StartedAt.Sub(at))
		s.WaitMS = &wait
	}
	for _, e := range h.Events {
		published := Publication{ID: e.ID, Event: events.Name(e.Type), Payload: e.Data}
		published.decoded, _ = e.Decode() // a type of a later build is shown by its name
		s.Published = append(s.Published, published)
	}
	return s
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// documents reads the verdict, the evidence and the candidate of one run. What the janitor has deleted since, with
// its own evidence, is left out.
func (l Ledger) documents(ctx context.Context, r *run, t *Timeline) error {
	if err := l.manual(ctx, r, t); err != nil {
		return err
	}
	var verdict events.Object
	switch {
	case r.rejected != nil:
		verdict = r.rejected.Verdict
	case r.accepted != nil:
		verdict = r.accepted.Verdict
	}
	if r.published != nil {
		for _, p := range r.published.Parts {
			if p.RunID == r.RunID {
				verdict = p.Verdict
			}
		}
	}
	if verdict.Key != "" {
		v, err := lake.ReadDocument[lake.Verdict](ctx, l.Lake, verdict)
		if err == nil {
			t.Verdicts = append(t.Verdicts, Verdict{verdict.Key, v})
		} else if !errors.Is(err, lake.ErrNotFound) {
			return err
		}
	}
	if r.staged != nil {
		c, err := lake.ReadDocument[lake.Candidate](ctx, l.Lake, r.staged.Candidate)
		if err == nil && c.Quarantine != nil {
			t.Quarantine = append(t.Quarantine, c.Quarantine.Key)
		} else if err != nil && !errors.Is(err, lake.ErrNotFound) {
			return err
		}
	}
	if r.deleted == nil {
		return nil
	}
	for _, o := range r.deleted.Evidence {
		e, err := lake.ReadDocument[lake.Evidence](ctx, l.Lake, o)
		if errors.Is(err, lake.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		shown := Evidence{Key: o.Key, RunID: e.RunID, Deleted: len(e.Deletes), RawPolicy: e.RawPolicy, DecidedAt: e.DecidedAt}
		for _, d := range e.Deletes {
			if d.Archive != nil {
				shown.Archived++
			}
		}
		t.Evidence = append(t.Evidence, shown)
	}
	return nil
}

// Timelines reads the timelines of the requests that a name stands for; see Find. ErrNoRun: none left anything.
func (l Ledger) Timelines(ctx context.Context, name, dataset string) ([]Timeline, error) {
	requests, slice, err := l.Find(ctx, name, dataset)
	if err != nil {
		return nil, err
	}
	var out []Timeline
	for _, r := range requests {
		t, err := l.Timeline(ctx, r, slice)
		if errors.Is(err, ErrNoRun) && len(requests) > 1 {
			continue // a request of another dataset with the same slot, without that slice
		}
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	if len(out) == 0 {
		return nil, ErrNoRun
	}
	return out, nil
}

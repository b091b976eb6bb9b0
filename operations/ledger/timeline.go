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

// Timeline is a request hop by hop, with the verdicts and the evidence.
type Timeline struct {
	Summary
	Slice    string     `json:"slice,omitempty"` // run id of the one slice that is shown; the state is that of the whole request
	Traces   []string   `json:"trace_ids"`       // one, unless the publication of another dataset released the request
	Hops     []Step     `json:"hops"`
	Verdicts []Verdict  `json:"verdicts,omitempty"`
	Evidence []Evidence `json:"evidence,omitempty"`
	// Manual names who collected the pages by hand; empty if the fetcher did.
	Manual []lake.Manual `json:"manual,omitempty"`
	// Quarantine has the keys of the quarantined rows. Only tools that may read personal values open them.
	Quarantine []string `json:"quarantine_keys,omitempty"`
}

// Step is one hop as it is shown.
type Step struct {
	Run        string          `json:"run"`
	Stage      string          `json:"stage"`
	Part       int             `json:"part,omitempty"`
	EventID    string          `json:"event_id"`
	Event      string          `json:"event"` // short type of the event that the stage received
	StartedAt  time.Time       `json:"started_at"`
	DurationMS float64         `json:"duration_ms"`
	WaitMS     *float64        `json:"wait_ms,omitempty"` // since the event was published; nil if unknown
	TraceID    string          `json:"trace_id,omitempty"`
	SpanID     string          `json:"span_id,omitempty"`
	Published  []Publication   `json:"published"`
	Failure    *events.Failure `json:"failure,omitempty"`
	Wait       *lake.Wait      `json:"wait,omitempty"` // the stage put the event back because a portal asked to wait
	// HeldBack: the scheduler made the request wait for datasets that it refers to.
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

// Verdict is the gate's verdict and its key.
type Verdict struct {
	Key string `json:"key"`
	lake.Verdict
}

// Evidence counts what was deleted from a run's landing; the object at Key has the details.
type Evidence struct {
	Key       string    `json:"key"`
	RunID     string    `json:"run_id"`
	Deleted   int       `json:"deleted"`
	Archived  int       `json:"archived"`
	RawPolicy string    `json:"raw_policy"`
	DecidedAt time.Time `json:"decided_at"`
}

// Snapshot reads the pointer of a published snapshot, current or superseded; nil if it does not exist.
func (l Ledger) Snapshot(ctx context.Context, dataset, snapshot string) (*lake.Pointer, error) {
	p, _, err := lake.ReadPointer(ctx, l.Lake, dataset)
	if err != nil || p != nil && p.Snapshot == snapshot {
		return p, err
	}
	return lake.ReadHistory(ctx, l.Lake, dataset, snapshot)
}

// Timeline reads a request hop by hop. slice, a run id, selects one slice. The error is ErrNoRun if it left nothing.
func (l Ledger) Timeline(ctx context.Context, r Request, slice string) (Timeline, error) {
	all, err := l.hops(ctx, r.Dataset, r.Slot)
	if err != nil {
		return Timeline{}, err
	}
	hops := ofSlice(all, r, slice)
	if len(hops) == 0 {
		return Timeline{}, fmt.Errorf("%s/%s: %w", r.Dataset, r.Slot, ErrNoRun)
	}
	t := Timeline{Slice: slice}
	if t.Summary, err = l.summarize(ctx, r.Dataset, r.Slot, hops); err != nil {
		return t, err
	}
	if slice != "" { // a slice does not end by itself: the last one to arrive decides for all
		request, err := l.summarize(ctx, r.Dataset, r.Slot, all)
		if err != nil {
			return t, err
		}
		t.State, t.Reason, t.Snapshot = request.State, request.Reason, request.Snapshot
	}
	t.addHops(hops)
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

// ofSlice returns the hops of one slice and those of the whole request; none if the slice has none of its own. "" means all.
func ofSlice(all []Hop, r Request, slice string) []Hop {
	switch {
	case slice == "":
		return all
	case !slices.ContainsFunc(all, func(h Hop) bool { return h.Run == slice }):
		return nil
	}
	return slices.DeleteFunc(slices.Clone(all), func(h Hop) bool { return h.Run != slice && h.Run != r.Slot })
}

// addHops adds the steps and the trace ids of hops.
func (t *Timeline) addHops(hops []Hop) {
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
}

// manual reads who collected the pages of a run by hand, from its manifest in landing or in the archive.
func (l Ledger) manual(ctx context.Context, r *run, t *Timeline) error {
	if r.written == nil || !r.manual {
		return nil
	}
	o := r.written.Manifest
	m, err := lake.ReadDocument[lake.Manifest](ctx, l.Lake, o)
	if errors.Is(err, lake.ErrNotFound) {
		o.Key, o.VersionID = lake.ArchiveKey(o.Key), "" // the same bytes
		m, err = lake.ReadDocument[lake.Manifest](ctx, l.Lake, o)
	}
	if errors.Is(err, lake.ErrNotFound) { // the contract keeps no raw pages
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
		Published: []Publication{}, HeldBack: h.heldBack(), Wait: h.Wait,
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

// documents reads the verdict, the evidence and the candidate of one run. Documents that the janitor has deleted, with
// evidence of that, are left out.
func (l Ledger) documents(ctx context.Context, r *run, t *Timeline) error {
	if err := l.manual(ctx, r, t); err != nil {
		return err
	}
	if err := l.verdict(ctx, r, t); err != nil {
		return err
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
	return l.evidence(ctx, r.deleted.Evidence, t)
}

// verdict reads the gate's verdict on a run.
func (l Ledger) verdict(ctx context.Context, r *run, t *Timeline) error {
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
	if verdict.Key == "" {
		return nil
	}
	v, err := lake.ReadDocument[lake.Verdict](ctx, l.Lake, verdict)
	if errors.Is(err, lake.ErrNotFound) {
		return nil
	}
	if err == nil {
		t.Verdicts = append(t.Verdicts, Verdict{verdict.Key, v})
	}
	return err
}

// evidence reads what was deleted from a run's landing.
func (l Ledger) evidence(ctx context.Context, objects []events.Object, t *Timeline) error {
	for _, o := range objects {
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

// Timelines reads the timelines of the requests that match a name; see Find. The error is ErrNoRun if none left anything.
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

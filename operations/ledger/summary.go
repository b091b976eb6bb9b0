package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/lake"
)

// ErrNoRun is the error for a request that left nothing in the lake.
var ErrNoRun = errors.New("this lake has no such run")

// Summary is one request of one dataset, all its slices together.
type Summary struct {
	Dataset string   `json:"dataset"`
	Slot    string   `json:"slot"`
	Runs    []string `json:"runs,omitempty"` // run ids: one, or one per slice
	Trigger string   `json:"trigger,omitempty"`
	State   State    `json:"state"`
	Reason  string   `json:"reason,omitempty"` // why it did not end well, or for what it waits, in one line
	// WaitsUntil is the time until which a stage waits because a portal asked for no request; zero if none waits.
	WaitsUntil time.Time `json:"waits_until,omitzero"`

	Snapshot     string `json:"snapshot,omitempty"` // published by this request, or still published if unchanged
	SourceSystem string `json:"source_system,omitempty"`
	Simulated    bool   `json:"simulated"` // invariant 11: simulated data are always marked

	Pages       int              `json:"pages"`
	RowsFetched int64            `json:"rows_fetched"`
	BytesLanded int64            `json:"bytes_landed"`
	Staged      int64            `json:"rows_staged"`
	Duplicates  int64            `json:"rows_duplicate"`
	Quarantined int64            `json:"rows_quarantined"`
	Refused     int64            `json:"cells_refused"`
	ByReason    map[string]int64 `json:"quarantined_by_reason,omitempty"`

	RefusedByReason map[string]int64 `json:"refused_by_reason,omitempty"` // refused cells
	BytesStaged     int64            `json:"bytes_staged"`

	StartedAt  time.Time   `json:"started_at,omitzero"`
	FinishedAt time.Time   `json:"finished_at,omitzero"`
	Stages     []StageTime `json:"stages,omitempty"`

	Problems []events.Problem `json:"problems,omitempty"`
	Failures []events.Failure `json:"failures,omitempty"` // that are unresolved
}

// StageTime is how long one stage worked on a request, from the start of its first run to the end of its last.
type StageTime struct {
	Stage        string `json:"stage"`
	Milliseconds int64  `json:"milliseconds"`
}

// Summary reads one request. The error is ErrNoRun if it left nothing.
func (l Ledger) Summary(ctx context.Context, dataset, slot string) (Summary, error) {
	hops, err := l.hops(ctx, dataset, slot)
	if err != nil {
		return Summary{}, err
	}
	if len(hops) == 0 {
		return Summary{}, fmt.Errorf("%s %s: %w", dataset, slot, ErrNoRun)
	}
	return l.summarize(ctx, dataset, slot, hops)
}

func (l Ledger) summarize(ctx context.Context, dataset, slot string, hops []Hop) (Summary, error) {
	a := new(Account)
	a.take(dataset, slot, hops)
	s := Summary{Dataset: dataset, Slot: slot, State: a.State(), ByReason: map[string]int64{}, RefusedByReason: map[string]int64{}}
	if s.State == Requested && slices.ContainsFunc(hops, Hop.heldBack) {
		s.State = Held
	}
	for _, r := range a.ordered() {
		s.add(r)
	}
	if s.SourceSystem == "" { // nothing was fetched: the published snapshot is shown
		pointer, _, err := lake.ReadPointer(ctx, l.Lake, dataset)
		if err != nil {
			return s, err
		}
		if pointer != nil && pointer.Snapshot == s.Snapshot {
			s.SourceSystem = pointer.SourceSystem
		}
	}
	s.Simulated = lake.Origin(s.SourceSystem).Simulated()
	if len(s.ByReason) == 0 {
		s.ByReason = nil
	}
	if len(s.RefusedByReason) == 0 {
		s.RefusedByReason = nil
	}
	s.Reason = reason(s)
	if waits := waiting(hops); len(waits) > 0 && !s.State.Ended() {
		w := waits[len(waits)-1]
		s.WaitsUntil = w.Until
		s.Reason = fmt.Sprintf("waits until %s: the portal asked for it (%s)", w.Until.UTC().Format("2006-01-02 15:04 MST"), w.Reason)
	}
	s.Stages = stages(hops)
	for _, h := range hops {
		if s.StartedAt.IsZero() || h.StartedAt.Before(s.StartedAt) {
			s.StartedAt = h.StartedAt
		}
		if h.FinishedAt.After(s.FinishedAt) {
			s.FinishedAt = h.FinishedAt
		}
	}
	return s, nil
}

// add adds the numbers of one run.
func (s *Summary) add(r *run) {
	s.Runs = append(s.Runs, r.RunID)
	s.Trigger = r.Trigger
	if w := r.written; w != nil {
		s.Pages += w.Pages
		s.RowsFetched += w.Rows
		s.BytesLanded += w.Bytes
		s.SourceSystem = w.SourceSystem
	}
	if w := r.staged; w != nil {
		s.Staged += w.Staged
		s.Duplicates += w.Duplicates
		s.Quarantined += w.Quarantined
		s.Refused += w.Refused
		s.BytesStaged += w.Bytes
		for why, n := range w.ByReason {
			s.ByReason[why] += n
		}
		for why, n := range w.RefusedByReason {
			s.RefusedByReason[why] += n
		}
	}
	if r.unchanged != nil && s.Snapshot == "" {
		s.Snapshot = r.unchanged.Snapshot
	}
	if r.published != nil {
		s.Snapshot = r.published.Snapshot
	}
	if r.landingRejected != nil {
		s.Problems = append(s.Problems, r.landingRejected.Problems...)
	}
	if r.rejected != nil {
		s.Problems = append(s.Problems, r.rejected.Problems...)
	}
	if r.superseded != nil {
		s.Problems = append(s.Problems, events.Problem{Code: "superseded", Message: "snapshot " + r.superseded.Published +
			" is later than this run and was published first"})
	}
	if f := r.failure(); f != nil {
		s.Failures = append(s.Failures, *f)
	}
}

// reason returns in one line why a request did not end well.
func reason(s Summary) string {
	if s.State.Good() || !s.State.Ended() {
		return ""
	}
	if len(s.Failures) > 0 {
		return s.Failures[0].Service + ": " + s.Failures[0].Reason
	}
	if len(s.Problems) > 0 {
		p := s.Problems[0]
		text := p.Code
		if p.Field != "" {
			text += " (" + p.Field + ")"
		}
		text += ": " + p.Message
		if more := len(s.Problems) - 1; more > 0 {
			text += fmt.Sprintf(" (and %d more)", more)
		}
		return text
	}
	return string(s.State)
}

// stages returns how long each stage worked.
func stages(hops []Hop) []StageTime {
	type span struct{ from, to time.Time }
	spans := map[string]span{}
	for _, h := range hops {
		if _, ok := services.ByName(h.Stage); !ok || h.Failure != nil || h.Wait != nil {
			continue
		}
		s, ok := spans[h.Stage]
		if !ok || h.StartedAt.Before(s.from) {
			s.from = h.StartedAt
		}
		if h.FinishedAt.After(s.to) {
			s.to = h.FinishedAt
		}
		spans[h.Stage] = s
	}
	var out []StageTime
	for _, service := range services.All {
		if s, ok := spans[service.Name]; ok {
			out = append(out, StageTime{service.Name, s.to.Sub(s.from).Milliseconds()})
		}
	}
	return out
}

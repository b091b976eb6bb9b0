package cli

import (
	"fmt"
	"strings"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/ledger"
)

// timelineText writes one run stage by stage.
func timelineText(t *text, l ledger.Timeline) {
	name := l.Dataset + "/" + l.Slot
	if l.Slice != "" {
		name = l.Dataset + "/" + l.Slice + ", a slice of " + l.Slot
	}
	t.line("%s  %s  data: %s", name, t.paint(stateColor(l.State), outcome(l.Summary)), provenance(l.SourceSystem))
	if l.Reason != "" {
		t.line("%s", l.Reason)
	}
	trace := strings.Join(l.Traces, ", ")
	t.line("trace %s   trigger %s   first to last %s", dash(trace), dash(l.Trigger),
		format.Milliseconds(float64(l.FinishedAt.Sub(l.StartedAt).Milliseconds())))
	for _, m := range l.Manual {
		vouched := "no person vouches that the portal sent these bytes"
		if m.Vouched {
			vouched = m.By + " vouches that the portal sent these bytes"
		}
		t.line("collected by hand by %s: %s (%s; %s)", m.By, m.Reason, strings.Join(m.Files, ", "), vouched)
	}
	t.line("")
	for _, h := range l.Hops {
		hopText(t, l, h)
	}
	for _, v := range l.Verdicts {
		verdictText(t, v)
	}
	for _, key := range l.Quarantine {
		t.line("\nquarantined rows: %s", key)
	}
	for _, e := range l.Evidence {
		t.line("\nevidence %s", e.Key)
		t.line("  %s deleted from landing, %d of them archived and read back first (raw: %s)",
			format.Plural(e.Deleted, "object"), e.Archived,
			e.RawPolicy)
	}
}

// hopText writes one step of a run: the event that a stage received, and what it did.
func hopText(t *text, l ledger.Timeline, h ledger.Step) {
	name := h.Stage
	if h.Part > 0 {
		name += fmt.Sprintf(" part %d", h.Part)
	}
	if len(l.Runs) > 1 && h.Run != l.Slot {
		name += " [" + strings.TrimPrefix(h.Run, l.Slot+"-") + "]"
	}
	t.line("%s  %-24s %s", h.StartedAt.UTC().Format("15:04:05.000"), name, duration(h))
	if h.Event != "" {
		t.line("    received %s (%s)", h.Event, h.EventID)
	}
	if h.HeldBack {
		t.line("    held the run back until the datasets it refers to are published")
	}
	if h.Wait != nil {
		t.line("    %s until %s: the portal asked for it (%s; %s)", t.paint(yellow, "waits"),
			h.Wait.Until.UTC().Format("2006-01-02 15:04:05 MST"), h.Wait.Reason, format.Plural(h.Wait.Asked, "time"))
	}
	if h.Failure != nil {
		t.line("    %s after %s, %s: %s", t.paint(red, "failed"), tries(h.Failure.Tries), h.Failure.Class, h.Failure.Reason)
	}
	for _, p := range h.Published {
		t.line("    published %s (%s)", p.Event, p.ID)
		for _, fact := range facts(p.Decoded()) {
			t.line("         %s", fact)
		}
	}
}

// duration writes how long a step took, and how long it waited.
func duration(h ledger.Step) string {
	switch {
	case h.Wait != nil:
		return "put the event back"
	case h.Failure != nil && h.WaitMS != nil: // the record of a failure has only the time at which the stage gave up
		return "gave up " + format.Milliseconds(*h.WaitMS) + " after the event was published"
	case h.Failure != nil:
		return "gave up"
	case h.WaitMS != nil:
		return "took " + format.Milliseconds(h.DurationMS) + ", waited " + format.Milliseconds(*h.WaitMS)
	}
	return "took " + format.Milliseconds(h.DurationMS)
}

func tries(n int) string {
	if n == 0 {
		return "an unknown number of attempts"
	}
	return format.Plural(n, "attempt")
}

// facts returns the numbers of a payload in words.
func facts(p events.Payload) []string {
	switch p := p.(type) {
	case events.LandingWritten:
		return []string{fmt.Sprintf("%s, %s rows, %s from %s; the source counts %s", format.Plural(p.Pages, "page"), format.Count(p.Rows),
			format.Size(p.Bytes), p.SourceSystem, sourceCount(p.SourceRows))}
	case events.LandingValidated:
		return append([]string{fmt.Sprintf("%s, %s rows", format.Plural(p.Pages, "page"), format.Count(p.Rows))},
			problems("accepted drift: ", p.Drift)...)
	case events.LandingRejected:
		return problems("", p.Problems)
	case events.StagingWritten:
		return stagedFacts(p)
	case events.StagingAccepted:
		if len(p.Missing) > 0 {
			return []string{"waits for the slices " + strings.Join(p.Missing, ", ")}
		}
	case events.StagingPublished:
		before := "the first snapshot"
		if p.Previous != "" {
			before = "replaces " + p.Previous
		}
		return []string{fmt.Sprintf("snapshot %s, %s rows, %s; %s", p.Snapshot, format.Count(p.Rows), format.Size(p.Bytes), before)}
	case events.StagingRejected:
		return problems("", p.Problems)
	case events.RunSuperseded:
		return []string{"snapshot " + p.Published + " is later"}
	case events.ExtractionUnchanged:
		why := validators(p.Validators)
		if p.ReadInFull {
			why = "every page was fetched and is byte for byte the published one"
		}
		return []string{"snapshot " + p.Snapshot + " stays; " + why}
	case events.LandingDeleted:
		archived := "archived"
		if !p.Archived {
			archived = "not archived: hashes prove it, but it cannot be produced again"
		}
		return []string{fmt.Sprintf("%s, %s, %s", format.Plural(p.Objects, "object"), format.Size(p.Bytes), archived)}
	}
	return nil
}

func stagedFacts(p events.StagingWritten) []string {
	out := []string{fmt.Sprintf("%s rows in = %s staged + %s duplicate + %s quarantined; %s of Parquet",
		format.Count(p.RowsIn), format.Count(p.Staged), format.Count(p.Duplicates), format.Count(p.Quarantined), format.Size(p.Bytes))}
	if len(p.ByReason) > 0 {
		out = append(out, "quarantined: "+reasons(p.ByReason))
	}
	if p.Refused > 0 {
		out = append(out, format.Plural(int(p.Refused), "cell")+" refused, null in the staged rows: "+reasons(p.RefusedByReason))
	}
	for _, dataset := range sortedKeys(p.References) {
		out = append(out, "matched with "+dataset+", snapshot "+p.References[dataset])
	}
	return out
}

func sourceCount(n int64) string {
	if n < 0 {
		return "none"
	}
	return format.Count(n)
}

func validators(v events.Validators) string {
	switch {
	case v.ETag != "":
		return "the source reports ETag " + v.ETag
	case v.LastModified != "":
		return "the source reports last modified " + v.LastModified
	case v.UpdatedAt != "":
		return "the source reports updated " + v.UpdatedAt
	}
	return "the source reports no change"
}

func problems(prefix string, list []events.Problem) []string {
	var out []string
	for _, p := range list {
		s := prefix + p.Code
		if p.Field != "" {
			s += " (" + p.Field + ")"
		}
		s += ": " + p.Message
		if p.Page != "" {
			s += " [" + p.Page + "]"
		}
		out = append(out, s)
	}
	return out
}

package cli

import (
	"fmt"
	"strings"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/lake"
)

// timelineText tells one run hop by hop.
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
	t.line("trace %s   trigger %s   first to last %s", dash(trace), dash(l.Trigger), lasted(float64(l.FinishedAt.Sub(l.StartedAt).Milliseconds())))

	for _, m := range l.Manual {
		word := "nobody vouches that the portal sent it"
		if m.Vouched {
			word = m.By + " vouches that the portal sent it"
		}
		t.line("collected by hand by %s: %s (%s; %s)", m.By, m.Reason, strings.Join(m.Files, ", "), word)
	}
	sliced := len(l.Runs) > 1
	t.line("")
	for _, h := range l.Hops {
		took := "took " + lasted(h.DurationMS)
		switch {
		case h.Failure != nil && h.WaitMS != nil: // a failure record knows only when its stage gave up
			took = "gave up " + lasted(*h.WaitMS) + " after it was told"
		case h.Failure != nil:
			took = "gave up"
		case h.WaitMS != nil:
			took += ", waited " + lasted(*h.WaitMS)
		}
		name := h.Stage
		if h.Part > 0 {
			name += fmt.Sprintf(" part %d", h.Part)
		}
		if sliced && h.Run != l.Slot {
			name += " [" + strings.TrimPrefix(h.Run, l.Slot+"-") + "]"
		}
		t.line("%s  %-24s %s", h.StartedAt.UTC().Format("15:04:05.000"), name, took)
		if h.Event != "" {
			t.line("    told %s (%s)", h.Event, h.EventID)
		}
		if h.HeldBack {
			t.line("    held the run back until the datasets it refers to are published")
		}
		if h.Failure != nil {
			t.line("    %s after %s, %s: %s", t.paint(red, "failed"), tries(h.Failure.Tries), h.Failure.Class, h.Failure.Reason)
		}
		for _, s := range h.Said {
			t.line("    said %s (%s)", s.Event, s.ID)
			for _, fact := range facts(s.Decoded()) {
				t.line("         %s", fact)
			}
		}
	}
	for _, v := range l.Verdicts {
		verdictText(t, v)
	}
	for _, key := range l.Quarantine {
		t.line("\nquarantined rows: %s", key)
	}
	for _, e := range l.Evidence {
		t.line("\nevidence %s", e.Key)
		t.line("  %s deleted from landing, %d of them archived and read back first (raw: %s)", plural(e.Deleted, "object"), e.Archived, e.RawPolicy)
	}
}

func tries(n int) string {
	switch n {
	case 0:
		return "an unknown number of tries"
	case 1:
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}

// facts are the numbers of a payload in words.
func facts(p events.Payload) []string {
	switch p := p.(type) {
	case events.LandingWritten:
		return []string{fmt.Sprintf("%s, %s rows, %s from %s; the source counts %s", plural(p.Pages, "page"), count(p.Rows), size(p.Bytes), p.SourceSystem, sourceCount(p.SourceRows))}
	case events.LandingValidated:
		return append([]string{fmt.Sprintf("%s, %s rows", plural(p.Pages, "page"), count(p.Rows))}, problems("drift, let through: ", p.Drift)...)
	case events.LandingRejected:
		return problems("", p.Problems)
	case events.StagingWritten:
		out := []string{fmt.Sprintf("%s rows in = %s staged + %s duplicate + %s quarantined; %s of Parquet", count(p.RowsIn), count(p.Staged), count(p.Duplicates), count(p.Quarantined), size(p.Bytes))}
		if len(p.ByReason) > 0 {
			out = append(out, "quarantined: "+reasons(p.ByReason))
		}
		for _, dataset := range sortedKeys(p.References) {
			out = append(out, "matched with "+dataset+", snapshot "+p.References[dataset])
		}
		return out
	case events.StagingAccepted:
		if len(p.Missing) > 0 {
			return []string{"waits for the slices " + strings.Join(p.Missing, ", ")}
		}
	case events.StagingPublished:
		before := "nothing was published before"
		if p.Previous != "" {
			before = "replaces " + p.Previous
		}
		return []string{fmt.Sprintf("snapshot %s, %s rows, %s; %s", p.Snapshot, count(p.Rows), size(p.Bytes), before)}
	case events.StagingRejected:
		return problems("", p.Problems)
	case events.RunSuperseded:
		return []string{"snapshot " + p.Published + " is later"}
	case events.ExtractionUnchanged:
		return []string{"snapshot " + p.Snapshot + " stays; " + validators(p.Validators)}
	case events.LandingDeleted:
		kept := "archived"
		if !p.Archived {
			kept = "not archived: provable by hash, not re-makeable"
		}
		return []string{fmt.Sprintf("%s, %s, %s", plural(p.Objects, "object"), size(p.Bytes), kept)}
	}
	return nil
}

func sourceCount(n int64) string {
	if n < 0 {
		return "none"
	}
	return count(n)
}

func validators(v events.Validators) string {
	switch {
	case v.ETag != "":
		return "the source says ETag " + v.ETag
	case v.LastModified != "":
		return "the source says last modified " + v.LastModified
	case v.UpdatedAt != "":
		return "the source says updated " + v.UpdatedAt
	}
	return "the source says it has not changed"
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

// verdictText tells the gate's verdict rule by rule.
func verdictText(t *text, v ledger.Verdict) {
	said := t.paint(green, "passed")
	if !v.Passed {
		said = t.paint(red, "refused")
	}
	against := "nothing published before"
	if v.ComparedWith != "" {
		against = "snapshot " + v.ComparedWith
	}
	t.line("\nverdict on %s: %s, compared with %s (%s)", v.RunID, said, against, v.Key)
	var rows [][]string
	for _, r := range v.Rules {
		name := r.Name
		if r.Column != "" {
			name += " (" + r.Column + ")"
		}
		rows = append(rows, []string{"  " + name, observed(r.Observed, r.Unit), allowed(r), result(r), note(r)})
	}
	t.table([]string{"  RULE", ">OBSERVED", "ALLOWED", "RESULT", "NOTE"}, rows, func(row, column int) string {
		switch r := v.Rules[row]; {
		case column != 3:
			return ""
		case r.Passed:
			return green
		case r.Severity == "warning":
			return yellow
		}
		return red
	})
	for _, r := range v.Rules {
		for _, s := range r.Samples {
			if r.Passed {
				break
			}
			var key []string
			for _, k := range sortedKeys(s.Key) {
				key = append(key, k+"="+s.Key[k])
			}
			t.line("  %s fails for %s: %q", r.Name, dash(strings.Join(key, " ")), s.Value)
		}
	}
}

// note is the rule's note and, where it does not hold, whose side is to look.
func note(r lake.RuleResult) string {
	if r.Passed || r.Side == "" {
		return r.Note
	}
	return strings.TrimPrefix(r.Note+"; ", "; ") + "on the " + r.Side + "'s side"
}

func observed(v *float64, unit string) string {
	if v == nil {
		return "-"
	}
	return decimal(*v) + percent(unit)
}

func percent(unit string) string {
	if unit == "percent" {
		return " %"
	}
	return ""
}

func allowed(r lake.RuleResult) string {
	switch {
	case r.Minimum != nil && r.Maximum != nil && *r.Minimum == *r.Maximum:
		return decimal(*r.Minimum) + percent(r.Unit)
	case r.Minimum != nil && r.Maximum != nil:
		return decimal(*r.Minimum) + " to " + decimal(*r.Maximum) + percent(r.Unit)
	case r.Minimum != nil:
		return "from " + decimal(*r.Minimum) + percent(r.Unit)
	case r.Maximum != nil:
		return "up to " + decimal(*r.Maximum) + percent(r.Unit)
	}
	return "-"
}

func result(r lake.RuleResult) string {
	switch {
	case r.Passed:
		return "passed"
	case r.Severity == "warning":
		return "warning"
	}
	return "failed"
}

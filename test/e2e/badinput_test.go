package e2e

import (
	"strings"
	"testing"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/local/portal"
)

const librariesID = "llib-0001"

// TestUnreadablePages checks that a page that stays broken ends its own run with a reason and a dead letter, publishes
// nothing, and does not affect the other datasets.
func TestUnreadablePages(t *testing.T) {
	t.Parallel()
	second := 25
	for name, c := range map[string]struct {
		fault  portal.Fault
		reason string
	}{
		"malformed":         {portal.Fault{Kind: portal.Malformed}, "byte"},
		"an object":         {portal.Fault{Kind: portal.ObjectPage}, "array"},
		"truncated":         {portal.Fault{Kind: portal.TruncatedChunked}, ""},
		"truncated, length": {portal.Fault{Kind: portal.TruncatedLength}, ""},
		"html 502":          {portal.Fault{Kind: portal.Status, Status: 502}, "502"},
		"reset":             {portal.Fault{Kind: portal.Reset}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkspace(t, "libraries", "facilities")
			c.fault.Dataset, c.fault.Pages, c.fault.Offset = librariesID, true, &second
			if err := w.portal.SetFaults(c.fault); err != nil {
				t.Fatal(err)
			}
			got := w.run()
			want(t, got["libraries"], ledger.Failed, c.reason)
			want(t, got["facilities"], ledger.Published)
			if p := w.pointer("libraries"); p != nil {
				t.Errorf("a snapshot was published from an incomplete landing: %+v", p)
			}
			w.checkDeadLetters(1, "fetcher", librariesID)

			// Replaying the dead letter repairs the run, without manual work.
			if err := w.portal.SetFaults(); err != nil {
				t.Fatal(err)
			}
			w.replay()
			want(t, w.run("libraries")["libraries"], ledger.Unchanged)
			w.checkDeadLetters(0, "", "")
		})
	}
}

// TestUnreadableRow checks that bytes that are not UTF-8, in every response of the portal, quarantine only their row
// (invariant 5).
func TestUnreadableRow(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "libraries")
	second := 25
	if err := w.portal.SetFaults(portal.Fault{Kind: portal.NotUTF8, Dataset: librariesID, Pages: true, Offset: &second}); err != nil {
		t.Fatal(err)
	}
	got := w.run()["libraries"]
	want(t, got, ledger.Published)
	checkRowCounts(t, got)
	if got.Quarantined != 1 {
		t.Errorf("%d rows quarantined, want only the unreadable one", got.Quarantined)
	}
}

// TestTransientFaults checks that a transient fault of a portal costs a retry and nothing else.
func TestTransientFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]portal.Fault{
		"429":             {Kind: portal.Status, Status: 429, RetryAfter: "1"},
		"202":             {Kind: portal.Status, Status: 202},
		"503":             {Kind: portal.Status, Status: 503},
		"truncated":       {Kind: portal.TruncatedChunked},
		"malformed":       {Kind: portal.Malformed},
		"not utf-8":       {Kind: portal.NotUTF8},
		"reset":           {Kind: portal.Reset},
		"republished":     {Kind: portal.Republished, Change: portal.ChangeEdit, Nth: 2},
		"republished end": {Kind: portal.Republished, Change: portal.ChangeShrink, Nth: 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkspace(t, "libraries")
			fault.Dataset, fault.Pages, fault.Count = librariesID, true, 1
			if err := w.portal.SetFaults(fault); err != nil {
				t.Fatal(err)
			}
			got := w.run()["libraries"]
			want(t, got, ledger.Published)
			checkRowCounts(t, got)
			rows := int64(100)
			if fault.Change == portal.ChangeShrink {
				rows = 50 // all rows of the final version, none of the one before
			}
			if got.RowsFetched != rows {
				t.Errorf("fetched %d rows, want %d", got.RowsFetched, rows)
			}
			if edited := fault.Change == portal.ChangeEdit; got.Quarantined > 0 != edited { // the edit makes a code invalid
				t.Errorf("%d rows quarantined (%v)", got.Quarantined, got.ByReason)
			}
			w.checkDeadLetters(0, "", "")
		})
	}
}

// TestShapes checks the result of a run for each change that the source may make to its rows.
func TestShapes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault       portal.Fault
		state       ledger.State
		reasons     []string
		quarantined int64
	}{
		"a new field is reported": {portal.Fault{Kind: portal.AddField, Field: "camp_nou"}, ledger.Published, nil, 0},
		"a required field is gone": {portal.Fault{Kind: portal.DropField, Field: "nom"}, ledger.Rejected,
			[]string{"field_missing", "library_name"}, 0},
		"an optional field is gone": {portal.Fault{Kind: portal.DropField, Field: "prestecs"}, ledger.Rejected,
			[]string{"field_missing", "loan_count"}, 0},
		"numbers no longer sent as text": {portal.Fault{Kind: portal.RetypeField, Field: "prestecs"}, ledger.Published, nil, 0},
		"a field has another type": {portal.Fault{Kind: portal.RetypeField, Field: "nom"}, ledger.Rejected,
			[]string{"field_retyped"}, 0},
		"a field has another type in two rows": {portal.Fault{Kind: portal.RetypeField, Field: "nom", Rows: 2}, ledger.Published, nil, 2},
		"a text of 5 MB":                       {portal.Fault{Kind: portal.HugeString, Field: "nom", Rows: 1}, ledger.Published, nil, 1},
		"no rows at all":                       {portal.Fault{Kind: portal.EmptyDataset}, ledger.Rejected, []string{"not_empty"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkspace(t, "libraries")
			c.fault.Dataset = librariesID
			if err := w.portal.SetFaults(c.fault); err != nil {
				t.Fatal(err)
			}
			got := w.run()["libraries"]
			want(t, got, c.state, c.reasons...)
			if got.Quarantined != c.quarantined {
				t.Errorf("%d rows quarantined (%v), want %d", got.Quarantined, got.ByReason, c.quarantined)
			}
			if c.state == ledger.Published {
				checkRowCounts(t, got)
			} else if p := w.pointer("libraries"); p != nil {
				t.Error("a rejected run was published")
			} else if len(w.keys("landing/libraries/")) == 0 {
				t.Error("the landing of a rejected run is gone and cannot be inspected")
			}
		})
	}
}

// TestShrink checks that the quality gate rejects a dataset that loses half its rows. The old snapshot and the new
// landing stay.
func TestShrink(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "libraries")
	want(t, w.run()["libraries"], ledger.Published)
	before := w.pointer("libraries")
	if err := w.portal.RepublishAs(librariesID, portal.ChangeShrink, ""); err != nil {
		t.Fatal(err)
	}
	want(t, w.run()["libraries"], ledger.Rejected, "does_not_shrink", "-50")
	after := w.pointer("libraries")
	if after.Snapshot != before.Snapshot || after.RunID != before.RunID || after.Rows != 100 {
		t.Errorf("the pointer moved from %s (%d rows) to %s (%d rows)", before.Snapshot, before.Rows, after.Snapshot, after.Rows)
	}
	if len(w.keys("landing/libraries/")) == 0 {
		t.Error("the landing of the rejected run is gone")
	}
	for _, o := range before.Parts[0].Objects {
		if len(w.keys(o.Key)) != 1 {
			t.Errorf("%s of the old snapshot is gone", o.Key)
		}
	}
}

// TestPortalDown checks a portal that does not respond: the run fails after its retries with a reason, the others are
// unaffected.
func TestPortalDown(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "libraries", "facilities")
	if err := w.portal.SetFaults(portal.Fault{Kind: portal.Reset, Portal: "socrata"}); err != nil {
		t.Fatal(err)
	}
	got := w.run()
	want(t, got["libraries"], ledger.Failed)
	want(t, got["facilities"], ledger.Published)
	if tries := got["libraries"].Failures[0].Tries; tries != 2 {
		t.Errorf("failed after %d attempts, want 2", tries)
	}
	w.checkDeadLetters(1, "fetcher", "")
}

// checkDeadLetters checks the number of dead letters, their service, and that each has the reason.
func (w *workspace) checkDeadLetters(n int, service, reason string) {
	w.t.Helper()
	w.withCloud(func(c *pipeline.Cloud) {
		all, err := c.Queues().Letters(w.t.Context(), "")
		if err != nil {
			w.t.Fatal(err)
		}
		if len(all) != n {
			w.t.Errorf("%d dead letters, want %d: %+v", len(all), n, all)
		}
		for _, l := range all {
			if service != "" && l.Service != service || l.Reason == "" || !strings.Contains(l.Reason, reason) {
				w.t.Errorf("a dead letter of %s has the reason %q; want one of %s that contains %q", l.Service, l.Reason, service, reason)
			}
		}
	})
}

// replay sends every dead letter back to its service.
func (w *workspace) replay() {
	w.t.Helper()
	w.withCloud(func(c *pipeline.Cloud) {
		if _, err := c.Queues().Replay(w.t.Context(), "", func(pipeline.Letter) bool { return true }); err != nil {
			w.t.Fatal(err)
		}
	})
	p, err := pipeline.Start(w.t.Context(), w.settings())
	if err != nil {
		w.t.Fatal(err)
	}
	w.idle(p)
	if err := p.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// idle waits until no service has a message to process.
func (w *workspace) idle(p *pipeline.Pipeline) {
	w.t.Helper()
	for {
		quiet, err := p.Idle(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if quiet {
			return
		}
	}
}

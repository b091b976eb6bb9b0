//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package aws

import (
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/test/aws/driver"
)

// flowRuns lets the schedules tick on what Terraform made, and looks at what comes of it: everything is published, nothing is left over.
func flowRuns(t *testing.T, w *world, d driver.Deployed) {
	w.publishContracts(t)
	c := w.act(t, d, nil)
	at := time.Now().UTC().Truncate(time.Second)
	if err := c.Fire(t.Context(), "llac-"+env+"-tick", at); err != nil {
		t.Fatal(err)
	}
	if err := waitFor(c, 30*time.Second, func() (bool, string) { return w.published(t) }); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d datasets published in %s; messages by service: %s", len(w.contracts), time.Since(at).Round(time.Second), heard(c))
	tables, snapshots := w.tables(t), map[string]string{}
	for _, k := range w.contracts {
		p, _, err := lake.ReadPointer(t.Context(), w.lake, k.Dataset)
		if err != nil {
			t.Fatal(err)
		}
		snapshots[k.Dataset] = p.Snapshot
		w.follow(t, tables, p)
		for _, part := range p.Parts {
			for _, o := range part.Objects {
				if _, err := lake.Read(t.Context(), w.lake, o.Object); err != nil {
					t.Error(err)
				}
			}
			if _, _, err := w.lake.Get(t.Context(), lake.EvidenceKey(k.Dataset, part.RunID)); err != nil {
				t.Errorf("the landing of %s is gone without evidence: %v", part.RunID, err)
			}
		}
	}
	if left := w.keys(t, "landing/"); len(left) > 0 {
		t.Errorf("landing still has %d objects: %s", len(left), left[0])
	}
	settled(t, w, c)

	// The next tick finds nothing new due, the sweep nothing to do; both schedules reach who they are for.
	before, swept := c.Heard("fetcher"), c.Heard("landing-janitor")
	for _, s := range []string{"-tick", "-sweep"} {
		if err := c.Fire(t.Context(), "llac-"+env+s, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if err := waitFor(c, 15*time.Second, func() (bool, string) {
		return c.Heard("landing-janitor") > swept && c.Quiet() > 3*time.Second, "the sweep's tick did not reach the landing-janitor"
	}); err != nil {
		t.Fatal(err)
	}
	if c.Heard("fetcher") != before {
		t.Errorf("the second tick made the fetcher ask again")
	}
	for _, k := range w.contracts {
		if p, _, err := lake.ReadPointer(t.Context(), w.lake, k.Dataset); err != nil || p.Snapshot != snapshots[k.Dataset] {
			t.Errorf("the pointer of %s moved without a run (%v)", k.Dataset, err)
		}
	}
	settled(t, w, c)
}

func heard(c *driver.Cloud) string {
	var out []string
	for _, s := range flow {
		out = append(out, s+" "+itoa(c.Heard(s)))
	}
	return strings.Join(out, ", ")
}

// settled waits until no message is anywhere, and fails for every one that was given up or could not be delivered, and for whatever a
// function had to complain of.
func settled(t *testing.T, w *world, c *driver.Cloud) {
	t.Helper()
	drained(t, w, c)
	for _, trouble := range c.Trouble() {
		t.Error(trouble)
	}
}

// drained waits until no message is anywhere, and fails for every one that was given up or could not be delivered.
func drained(t *testing.T, w *world, c *driver.Cloud) {
	t.Helper()
	if err := waitFor(c, 15*time.Second, func() (bool, string) {
		for name, n := range w.depths(t, flow...) {
			if n > 0 {
				return false, name + " still holds " + itoa(n)
			}
		}
		return true, ""
	}); err != nil {
		t.Error(err)
	}
	for name, n := range w.depths(t, "-dlq", "-undelivered") {
		if n > 0 {
			t.Errorf("%s holds %d messages", name, n)
		}
	}
}

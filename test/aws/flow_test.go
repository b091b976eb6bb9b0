//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package aws

import (
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/test/aws/driver"
)

// flowRuns fires the schedules of the applied environment and checks the result: every dataset is published and no message or object of
// landing is left.
func flowRuns(t *testing.T, e *environment, d driver.Deployed) {
	e.publishContracts(t)
	c := e.drive(t, d, nil)
	at := time.Now().UTC().Truncate(time.Second)
	if err := c.Fire(t.Context(), "llac-"+env+"-tick", at); err != nil {
		t.Fatal(err)
	}
	if err := waitFor(c, 30*time.Second, func() (bool, string) { return e.published(t) }); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d datasets published in %s; messages by service: %s",
		len(e.contracts), time.Since(at).Round(time.Second), receivedByService(c))
	tables, snapshots := e.tables(t), map[string]string{}
	for _, k := range e.contracts {
		p, _, err := lake.ReadPointer(t.Context(), e.lake, k.Dataset)
		if err != nil {
			t.Fatal(err)
		}
		snapshots[k.Dataset] = p.Snapshot
		e.checkTables(t, tables, p)
		for _, part := range p.Parts {
			for _, o := range part.Objects {
				if _, err := lake.Read(t.Context(), e.lake, o.Object); err != nil {
					t.Error(err)
				}
			}
			if _, _, err := e.lake.Get(t.Context(), lake.EvidenceKey(k.Dataset, part.RunID)); err != nil {
				t.Errorf("the landing of %s was deleted without evidence: %v", part.RunID, err)
			}
		}
	}
	if left := e.keys(t, "landing/"); len(left) > 0 {
		t.Errorf("landing still has %d objects: %s", len(left), left[0])
	}
	settled(t, e, c)

	// The next tick finds no dataset due and the sweep nothing to do; each schedule reaches its service.
	before, swept := c.Received("fetcher"), c.Received("landing-janitor")
	for _, s := range []string{"-tick", "-sweep"} {
		if err := c.Fire(t.Context(), "llac-"+env+s, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if err := waitFor(c, 15*time.Second, func() (bool, string) {
		return c.Received("landing-janitor") > swept && c.Quiet() > 3*time.Second, "the sweep's tick did not reach the landing-janitor"
	}); err != nil {
		t.Fatal(err)
	}
	if c.Received("fetcher") != before {
		t.Errorf("the second tick made the fetcher request data again")
	}
	for _, k := range e.contracts {
		if p, _, err := lake.ReadPointer(t.Context(), e.lake, k.Dataset); err != nil || p.Snapshot != snapshots[k.Dataset] {
			t.Errorf("the pointer of %s changed without a run (%v)", k.Dataset, err)
		}
	}
	settled(t, e, c)
}

// receivedByService returns the number of messages that each service received, as text.
func receivedByService(c *driver.Cloud) string {
	var out []string
	for _, s := range flow {
		out = append(out, s+" "+itoa(c.Received(s)))
	}
	return strings.Join(out, ", ")
}

// settled waits until all queues are empty. It fails for dead letters, for messages that could not be delivered, and for every problem of
// a function.
func settled(t *testing.T, e *environment, c *driver.Cloud) {
	t.Helper()
	drained(t, e, c)
	for _, problem := range c.Problems() {
		t.Error(problem)
	}
}

// drained waits until all queues are empty. It fails for dead letters and for messages that could not be delivered.
func drained(t *testing.T, e *environment, c *driver.Cloud) {
	t.Helper()
	if err := waitFor(c, 15*time.Second, func() (bool, string) {
		for name, n := range e.depths(t, flow...) {
			if n > 0 {
				return false, name + " still holds " + itoa(n)
			}
		}
		return true, ""
	}); err != nil {
		t.Error(err)
	}
	for name, n := range e.depths(t, "-dlq", "-undelivered") {
		if n > 0 {
			t.Errorf("%s holds %d messages", name, n)
		}
	}
}

package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/local/portal"
)

// later is a fast clock some time ahead.
type later struct {
	fastClock
	by time.Duration
}

func (c later) Now() time.Time { return c.fastClock.Now().Add(c.by) }

// A portal that asks to wait longer than the service may is not requested before that time, whatever is started meanwhile. The run
// reports until when it waits, and continues then where it ended.
func TestThePortalAsksToWait(t *testing.T) {
	t.Parallel()
	fifty := 50
	for name, c := range map[string]struct {
		fault portal.Fault
		asked time.Duration
	}{
		"ten minutes, at once": {portal.Fault{Dataset: librariesID, Nth: 1, RetryAfter: "600"}, 10 * time.Minute},
		"a day, in the middle": {portal.Fault{Dataset: librariesID, Pages: true, Offset: &fifty, RetryAfter: "86400"}, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkspace(t, "libraries", "facilities")
			c.fault.Kind, c.fault.Status, c.fault.Count = portal.Status, 429, 1
			if err := w.portal.SetFaults(c.fault); err != nil {
				t.Fatal(err)
			}
			var notices []string
			run := func(by time.Duration) (pipeline.Result, error) {
				o := pipeline.Options{Settings: w.settings(), Contracts: w.contracts, Timeout: 90 * time.Second, By: "e2e",
					Notice: func(line string) { notices = append(notices, line) }}
				o.Clock = later{by: by}
				return pipeline.Run(t.Context(), o)
			}
			result, err := run(0)
			if !errors.Is(err, pipeline.ErrTimeout) || !strings.Contains(err.Error(), "the portals asked for no request before") {
				t.Fatalf("error %v, want one that states the portal's time", err)
			}
			out := map[string]pipeline.Outcome{}
			for _, d := range result.Datasets {
				out[d.Dataset] = d
			}
			want(t, out["facilities"], ledger.Published) // another portal is not affected
			got := out["libraries"]
			want(t, got, ledger.Extracting, "waits until", "the portal asked for it")
			if wait := time.Until(got.WaitsUntil); wait > c.asked || wait < c.asked-time.Minute {
				t.Errorf("waits for %v, want %v", wait, c.asked)
			}
			if text := strings.Join(notices, " "); !strings.Contains(text, "libraries waits until") {
				t.Errorf("notices %q", text)
			}

			// A run before that time sends no request for the dataset.
			w.portal.ForgetRequests()
			if _, err := run(c.asked / 2); !errors.Is(err, pipeline.ErrTimeout) {
				t.Fatalf("error %v, want the time limit", err)
			}
			for _, r := range w.portal.Requests() {
				if r.Dataset == librariesID {
					t.Errorf("a request before the portal's time: %+v", r)
				}
			}
			result, err = run(c.asked + time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range result.Datasets {
				if d.Dataset == "libraries" && d.Slot == got.Slot {
					want(t, d, ledger.Published)
					checkRowCounts(t, d)
				}
			}
			if p := w.pointer("libraries"); p == nil || p.Rows != 100 {
				t.Errorf("published %+v", p)
			}
			w.checkDeadLetters(0, "", "")
		})
	}
}

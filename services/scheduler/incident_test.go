package scheduler

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

func runOf(dataset, slot string) events.Run {
	return events.Run{Dataset: dataset, RunID: slot, Slot: slot, Trigger: "schedule"}
}

// failedRunEvent is the failure of the run of a slot of things, in a service.
func failedRunEvent(slot, service string) events.RunFailed {
	return events.RunFailed{Run: runOf("things", slot), Failure: events.Failure{Service: service, Reason: "x", Tries: 5}}
}

// endRun delivers the event of a run that failed or was rejected, at an instant.
func (b testScheduler) endRun(instant string, p events.Payload) []events.Event {
	b.t.Helper()
	b.Clock.Set(at(instant))
	e := runtimetest.Event(fmt.Sprint(p.EventType(), "-", instant), p)
	e.Time = at(instant)
	out, err := b.Deliver(b.t.Context(), Service, e)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// notifications keeps the events that notify people: incidents opened and closed.
func notifications(emitted []string) []string {
	return slices.DeleteFunc(emitted, func(s string) bool { return !strings.HasSuffix(s, " opened") && !strings.HasSuffix(s, " closed") })
}

// A dataset fails on five days in a row, in every stage, and also becomes stale. People are notified once when the incident
// opens and once when it closes.
func TestAnIncidentNotifiesWhenItOpensAndWhenItCloses(t *testing.T) {
	t.Parallel()
	b := newScheduler(t, daily(t, "things"), daily(t, "others"))
	b.publish("things", "20250804T043000", at("2025-08-04T04:32:00Z"))
	b.publish("others", "20250804T043000", at("2025-08-04T04:32:00Z"))
	failure := events.Failure{Service: "stager", Class: "transient", Reason: `decode "a": no`, Tries: 5}
	rejected := []events.Problem{{Message: "the column name is gone."}, {Message: "another"}}
	emitted := []string{}
	for day := 5; day < 10; day++ {
		date := fmt.Sprintf("2025-08-%02d", day)
		run := runOf("things", fmt.Sprintf("202508%02dT043000", day))
		// The other dataset is found unchanged every day.
		b.Put(t, lake.CursorKey("others"), lake.Cursor{Dataset: "others", LastSuccess: at(date + "T04:31:00Z")})
		for tick := range 4 {
			emitted = append(emitted, b.tick(fmt.Sprintf("%sT04:%02d:00Z", date, 30+tick))...)
		}
		failed := []events.Payload{
			events.RunFailed{Run: run, Failure: failure}, events.ExtractionFailed{Run: run, Failure: failure},
			events.LandingRejected{Run: run, Problems: rejected}, events.StagingRejected{Run: run, Problems: rejected},
			events.RunFailed{Run: run, Failure: failure},
		}[day-5]
		emitted = append(emitted, texts(t, b.endRun(date+"T04:50:00Z", failed))...)
		// The same run is retried, and fails again.
		emitted = append(emitted, texts(t, b.endRun(date+"T05:50:00Z", failed))...)
	}
	b.Put(t, lake.CursorKey("others"), lake.Cursor{Dataset: "others", LastSuccess: at("2025-08-10T04:31:00Z")})
	b.publish("things", "20250810T043000", at("2025-08-10T04:32:00Z"))
	for _, instant := range []string{"2025-08-10T04:45:00Z", "2025-08-10T05:00:00Z", "2025-08-10T05:15:00Z"} {
		emitted = append(emitted, b.tick(instant)...)
	}
	expect(t, notifications(slices.Clone(emitted)), "things opened", "things closed")
	if !slices.Contains(emitted, "things stale") || !slices.Contains(emitted, "things recovered") {
		t.Errorf("emitted %q, want also that things is stale and that it recovered", emitted)
	}
	// The next incident notifies again.
	next := events.RunFailed{Run: runOf("things", "20250811T043000"), Failure: failure}
	expect(t, texts(t, b.endRun("2025-08-11T04:50:00Z", next)), "things opened")
}

func TestIncidentSummaries(t *testing.T) {
	t.Parallel()
	run := runOf("things", "20250805T043000")
	many := []events.Problem{{Message: "half the rows are gone."}, {Message: "x"}}
	failure := events.Failure{Service: "stager", Class: "permanent", Reason: "page 3 contains \"no\"\n\tat C:\\x `y`.", Tries: 1}
	for name, c := range map[string]struct {
		failed events.Payload
		want   string
	}{
		"a permanent failure": {
			events.RunFailed{Run: run, Failure: failure},
			"things, run 20250805T043000: the stager failed without a retry: page 3 contains 'no' at C:/x 'y'",
		},
		"a failure after several tries": {
			events.ExtractionFailed{Run: run, Failure: events.Failure{Service: "fetcher", Reason: "status 500", Tries: 5}},
			"things, run 20250805T043000: the fetcher failed after 5 tries: status 500",
		},
		"a rejected landing": {
			events.LandingRejected{Run: run, Problems: []events.Problem{{Message: "the column name is gone"}}},
			"things, run 20250805T043000: the validator rejected the landed data: the column name is gone",
		},
		"a rejected candidate with two problems": {
			events.StagingRejected{Run: run, Problems: many},
			"things, run 20250805T043000: the quality gate rejected the candidate: half the rows are gone (and 1 more)",
		},
		"a rejected candidate without a problem": {
			events.StagingRejected{Run: run},
			"things, run 20250805T043000: the quality gate rejected the candidate: no problem was reported",
		},
		"a reason that is too long": {
			events.ExtractionFailed{Run: run, Failure: events.Failure{Service: "fetcher", Reason: strings.Repeat("à", 1000), Tries: 2}},
			"…",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newScheduler(t, daily(t, "things"))
			p := runtimetest.Only[events.IncidentOpened](t, b.endRun("2025-08-05T04:50:00Z", c.failed), nil)
			if !strings.HasSuffix(p.Summary, c.want) || strings.ContainsAny(p.Summary, "\"\\\n`") ||
				len([]rune(p.Summary)) > longestSummary+1 {
				t.Errorf("%s\nwant %s", p.Summary, c.want)
			}
			next := "llac show things/20250805T043000"
			if p.RunID != run.RunID || p.Next != next || !p.Since.Equal(at("2025-08-05T04:50:00Z")) {
				t.Errorf("%+v", p)
			}
		})
	}
	b := newScheduler(t, daily(t, "things"))
	b.publish("things", "20250804T043000", at("2025-08-04T04:32:00Z"))
	out, err := b.try("2025-08-05T17:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	p := runtimetest.Only[events.IncidentOpened](t, out[len(out)-1:], nil)
	want := "last published, or found unchanged, at 2025-08-04 04:32 UTC; the next time was due by 2025-08-05 16:32 UTC"
	if p.RunID != "" || p.Next != "llac runs --dataset things" || !strings.Contains(p.Summary, want) {
		t.Errorf("%+v, want %q in its summary", p, want)
	}
}

// A redelivery after a crash before the receipt emits the incident again. Another failure event emits nothing.
func TestAnIncidentIsNotLostOnRedelivery(t *testing.T) {
	t.Parallel()
	b := newScheduler(t, daily(t, "things"))
	died := false
	b.Ports.Failpoint = func(string) {
		if !died {
			died = true
			panic(runtimetest.Crash{})
		}
	}
	e := runtimetest.Event("1", failedRunEvent("20250805T043000", "stager"))
	if _, err := b.Deliver(t.Context(), Service, e); !errors.Is(err, runtimetest.ErrCrashed) {
		t.Fatalf("error %v", err)
	}
	out, err := b.Deliver(t.Context(), Service, e)
	runtimetest.Only[events.IncidentOpened](t, out, err)
	e.ID = "2"
	if out, err := b.Deliver(t.Context(), Service, e); err != nil || len(out) != 0 {
		t.Errorf("another failure emitted %v, %v, want nothing", runtimetest.Names(out), err)
	}
}

// A failure that arrives after a later success opens no incident.
func TestAFailureBeforeTheLastSuccessOpensNoIncident(t *testing.T) {
	t.Parallel()
	b := newScheduler(t, daily(t, "things"))
	b.publish("things", "20250806T043000", at("2025-08-06T04:32:00Z"))
	expect(t, texts(t, b.endRun("2025-08-05T04:50:00Z", failedRunEvent("20250805T043000", "stager"))))
	// A success before the failure does not close the incident.
	expect(t, texts(t, b.endRun("2025-08-06T04:50:00Z", failedRunEvent("20250806T043000", "landing-janitor"))), "things opened")
	expect(t, notifications(b.tick("2025-08-06T05:00:00Z")))
}

// The incident of a dataset that was never published closes at its first publication.
func TestTheFirstPublicationClosesAnIncident(t *testing.T) {
	t.Parallel()
	b := newScheduler(t, daily(t, "things"))
	expect(t, texts(t, b.endRun("2025-08-05T04:50:00Z", failedRunEvent("20250805T043000", "stager"))), "things opened")
	expect(t, notifications(b.tick("2025-08-05T05:00:00Z")))
	b.publish("things", "20250806T043000", at("2025-08-05T04:50:00Z").Add(time.Second))
	expect(t, notifications(b.tick("2025-08-05T05:15:00Z")), "things closed")
}

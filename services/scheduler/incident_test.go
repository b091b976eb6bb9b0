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

// ends delivers the event of a run that ended, at an instant.
func (b bench) ends(instant string, p events.Payload) []events.Event {
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

// told keeps what people are told of.
func told(said []string) []string {
	return slices.DeleteFunc(said, func(s string) bool { return !strings.HasSuffix(s, " opened") && !strings.HasSuffix(s, " closed") })
}

// A dataset that fails five days in a row, by every stage, and goes stale besides, is one notification, and one when it is well.
func TestOneNotificationAnIncidentAndOneWhenItIsOver(t *testing.T) {
	t.Parallel()
	b := newBench(t, daily(t, "things"), daily(t, "others"))
	b.publish("things", "20250804T043000", at("2025-08-04T04:32:00Z"))
	b.publish("others", "20250804T043000", at("2025-08-04T04:32:00Z"))
	failure := events.Failure{Service: "stager", Class: "transient", Reason: `decode "a": no`, Tries: 5}
	refused := []events.Problem{{Message: "the column name is gone."}, {Message: "another"}}
	said := []string{}
	for day := 5; day < 10; day++ {
		date := fmt.Sprintf("2025-08-%02d", day)
		run := runOf("things", fmt.Sprintf("202508%02dT043000", day))
		// The others are well every day.
		b.Put(t, lake.CursorKey("others"), lake.Cursor{Dataset: "others", LastSuccess: at(date + "T04:31:00Z")})
		for tick := range 4 {
			said = append(said, b.tick(fmt.Sprintf("%sT04:%02d:00Z", date, 30+tick))...)
		}
		bad := []events.Payload{
			events.RunFailed{Run: run, Failure: failure}, events.ExtractionFailed{Run: run, Failure: failure},
			events.LandingRejected{Run: run, Problems: refused}, events.StagingRejected{Run: run, Problems: refused},
			events.RunFailed{Run: run, Failure: failure},
		}[day-5]
		said = append(said, words(t, b.ends(date+"T04:50:00Z", bad))...)
		// The same run is tried again, and fails again.
		said = append(said, words(t, b.ends(date+"T05:50:00Z", bad))...)
	}
	b.Put(t, lake.CursorKey("others"), lake.Cursor{Dataset: "others", LastSuccess: at("2025-08-10T04:31:00Z")})
	b.publish("things", "20250810T043000", at("2025-08-10T04:32:00Z"))
	for _, instant := range []string{"2025-08-10T04:45:00Z", "2025-08-10T05:00:00Z", "2025-08-10T05:15:00Z"} {
		said = append(said, b.tick(instant)...)
	}
	expect(t, told(slices.Clone(said)), "things opened", "things closed")
	if !slices.Contains(said, "things stale") || !slices.Contains(said, "things recovered") {
		t.Errorf("it was stale, too: %q", said)
	}
	// The next one is told of again.
	expect(t, words(t, b.ends("2025-08-11T04:50:00Z", events.RunFailed{Run: runOf("things", "20250811T043000"), Failure: failure})), "things opened")
}

func TestWhatPeopleAreTold(t *testing.T) {
	t.Parallel()
	failure := events.Failure{Service: "stager", Class: "permanent", Reason: "page 3 says \"no\"\n\tat C:\\x `y`.", Tries: 1}
	for name, c := range map[string]struct {
		end  events.Payload
		want string
	}{
		"a stage gave up":     {events.RunFailed{Run: runOf("things", "20250805T043000"), Failure: failure}, "things, run 20250805T043000: the stager gave up at once: page 3 says 'no' at C:/x 'y'"},
		"after tries":         {events.ExtractionFailed{Run: runOf("things", "20250805T043000"), Failure: events.Failure{Service: "fetcher", Reason: "status 500", Tries: 5}}, "things, run 20250805T043000: the fetcher gave up after 5 tries: status 500"},
		"landing is refused":  {events.LandingRejected{Run: runOf("things", "20250805T043000"), Problems: []events.Problem{{Message: "the column name is gone"}}}, "things, run 20250805T043000: the validator refused what was landed: the column name is gone"},
		"the gate refuses":    {events.StagingRejected{Run: runOf("things", "20250805T043000"), Problems: []events.Problem{{Message: "half the rows are gone."}, {Message: "x"}}}, "things, run 20250805T043000: the quality gate refused the candidate: half the rows are gone (and 1 more)"},
		"without any problem": {events.StagingRejected{Run: runOf("things", "20250805T043000")}, "things, run 20250805T043000: the quality gate refused the candidate: no reason is given"},
		"a reason as a novel": {events.ExtractionFailed{Run: runOf("things", "20250805T043000"), Failure: events.Failure{Service: "fetcher", Reason: strings.Repeat("à", 1000), Tries: 2}}, "…"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, daily(t, "things"))
			p := runtimetest.Only[events.IncidentOpened](t, b.ends("2025-08-05T04:50:00Z", c.end), nil)
			if !strings.HasSuffix(p.Summary, c.want) || strings.ContainsAny(p.Summary, "\"\\\n`") || len([]rune(p.Summary)) > longestSummary+1 {
				t.Errorf("%s\nwant %s", p.Summary, c.want)
			}
			if p.RunID != "20250805T043000" || p.Next != "llac show things/20250805T043000" || !p.Since.Equal(at("2025-08-05T04:50:00Z")) {
				t.Errorf("%+v", p)
			}
		})
	}
	b := newBench(t, daily(t, "things"))
	b.publish("things", "20250804T043000", at("2025-08-04T04:32:00Z"))
	out, err := b.try("2025-08-05T17:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	p := runtimetest.Only[events.IncidentOpened](t, out[len(out)-1:], nil)
	if p.RunID != "" || p.Next != "llac runs --dataset things" || !strings.Contains(p.Summary, "last read with success at 2025-08-04 04:32 UTC, and should have been again by 2025-08-05 16:32 UTC") {
		t.Errorf("%+v", p)
	}
}

// A redelivery, before its receipt was written, says the same again; one of another event says nothing.
func TestAnIncidentIsNotLostOnRedelivery(t *testing.T) {
	t.Parallel()
	b := newBench(t, daily(t, "things"))
	died := false
	b.Ports.Failpoint = func(string) {
		if !died {
			died = true
			panic(runtimetest.Crash{})
		}
	}
	e := runtimetest.Event("1", events.RunFailed{Run: runOf("things", "20250805T043000"), Failure: events.Failure{Service: "stager", Reason: "x", Tries: 5}})
	if _, err := b.Deliver(t.Context(), Service, e); !errors.Is(err, runtimetest.ErrCrashed) {
		t.Fatalf("error %v", err)
	}
	out, err := b.Deliver(t.Context(), Service, e)
	runtimetest.Only[events.IncidentOpened](t, out, err)
	e.ID = "2"
	if out, err := b.Deliver(t.Context(), Service, e); err != nil || len(out) != 0 {
		t.Errorf("said %v, %v", runtimetest.Names(out), err)
	}
}

// What was late on its way, and is over already, is told to nobody.
func TestABadEndThatIsOver(t *testing.T) {
	t.Parallel()
	b := newBench(t, daily(t, "things"))
	b.publish("things", "20250806T043000", at("2025-08-06T04:32:00Z"))
	expect(t, words(t, b.ends("2025-08-05T04:50:00Z", events.RunFailed{Run: runOf("things", "20250805T043000"), Failure: events.Failure{Service: "stager", Reason: "x"}})))
	// A success from before closes nothing.
	expect(t, words(t, b.ends("2025-08-06T04:50:00Z", events.RunFailed{Run: runOf("things", "20250806T043000"), Failure: events.Failure{Service: "landing-janitor", Reason: "x"}})), "things opened")
	expect(t, told(b.tick("2025-08-06T05:00:00Z")))
}

// A dataset that was never published is well when it is.
func TestAnIncidentOfADatasetThatWasNeverPublished(t *testing.T) {
	t.Parallel()
	b := newBench(t, daily(t, "things"))
	expect(t, words(t, b.ends("2025-08-05T04:50:00Z", events.RunFailed{Run: runOf("things", "20250805T043000"), Failure: events.Failure{Service: "stager", Reason: "x"}})), "things opened")
	expect(t, told(b.tick("2025-08-05T05:00:00Z")))
	b.publish("things", "20250806T043000", at("2025-08-05T04:50:00Z").Add(time.Second))
	expect(t, told(b.tick("2025-08-05T05:15:00Z")), "things closed")
}

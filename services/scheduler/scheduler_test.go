package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

// testScheduler is a scheduler with the given contracts in force.
type testScheduler struct {
	*runtimetest.Harness
	t *testing.T
}

func newScheduler(t *testing.T, contracts ...*contract.Contract) testScheduler {
	return testScheduler{runtimetest.New(t, contracts...), t}
}

// daily returns a contract whose slots are due daily at 06:30 in Madrid.
func daily(t *testing.T, dataset string) *contract.Contract {
	return runtimetest.Parse(t, dataset, runtimetest.Shape{Dataset: dataset}.Text())
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

// tick delivers the tick of an instant and returns the emitted events as texts (see texts).
func (b testScheduler) tick(instant string) []string {
	b.t.Helper()
	out, err := b.try(instant)
	if err != nil {
		b.t.Fatal(err)
	}
	return texts(b.t, out)
}

func (b testScheduler) try(instant string) ([]events.Event, error) {
	b.Clock.Set(at(instant))
	return b.Deliver(b.t.Context(), Service, runtimetest.Event("tick-"+instant, events.ScheduleTicked{ScheduledAt: at(instant)}))
}

// texts returns one short text per event: "dataset/run" for a requested run, "dataset stale", "dataset opened" and so on.
func texts(t *testing.T, out []events.Event) []string {
	t.Helper()
	emitted := []string{}
	for _, e := range out {
		payload, err := e.Decode()
		if err != nil {
			t.Fatal(err)
		}
		switch p := payload.(type) {
		case events.ExtractionRequested:
			emitted = append(emitted, p.Dataset+"/"+p.RunID)
		case events.DatasetStale:
			emitted = append(emitted, p.Dataset+" stale")
		case events.DatasetRecovered:
			emitted = append(emitted, p.Dataset+" recovered")
		case events.IncidentOpened:
			emitted = append(emitted, p.Dataset+" opened")
		case events.IncidentClosed:
			emitted = append(emitted, p.Dataset+" closed")
		default:
			t.Errorf("the scheduler emitted an unexpected %s", e.Type)
		}
	}
	return emitted
}

func (b testScheduler) publish(dataset, slot string, published time.Time) {
	b.t.Helper()
	b.Put(b.t, lake.PointerKey(dataset), lake.Pointer{Dataset: dataset, Snapshot: slot, PublishedAt: published, RunID: slot})
}

// release delivers the publication of a dataset.
func (b testScheduler) release(dataset, slot string) []events.Event {
	b.t.Helper()
	e := runtimetest.Event(dataset+"/"+slot+"/quality-gate/1", events.StagingPublished{
		Run: events.Run{Dataset: dataset, RunID: slot, Slot: slot}, Snapshot: slot,
	})
	out, err := b.Deliver(b.t.Context(), Service, e)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) && len(got)+len(want) > 0 {
		t.Errorf("emitted %q\nwant %q", got, want)
	}
}

func TestADueSlotIsRequestedOnce(t *testing.T) {
	t.Parallel()
	b := newScheduler(t, daily(t, "things"))
	expect(t, b.tick("2025-08-04T04:30:00Z"), "things/20250804T043000")
	for _, later := range []string{"2025-08-04T04:35:00Z", "2025-08-04T04:40:00Z", "2025-08-05T04:25:00Z"} {
		expect(t, b.tick(later))
	}
	expect(t, b.tick("2025-08-05T04:30:00Z"), "things/20250805T043000")
}

func TestARequestPinsContractAndTrigger(t *testing.T) {
	t.Parallel()
	c := daily(t, "things")
	b := newScheduler(t, c)
	out, err := b.try("2025-08-04T04:31:00Z")
	p := runtimetest.Only[events.ExtractionRequested](t, out, err)
	if p.ContractSHA256 != c.SHA256 || p.Trigger != "schedule" || p.Slot != "20250804T043000" || p.Slice != "" || p.Slices != nil {
		t.Errorf("%+v", p)
	}
	if out[0].ID != "things/20250804T043000/scheduler/1" || out[0].CorrelationID != "20250804T043000" {
		t.Errorf("id %s, correlation %s", out[0].ID, out[0].CorrelationID)
	}
}

// A tick that crashed between the record of its request and its receipt emits the request again when it is redelivered.
func TestARedeliveredTickEmitsItsRequestAgain(t *testing.T) {
	t.Parallel()
	b := newScheduler(t, daily(t, "things"))
	died := false
	b.Ports.Failpoint = func(string) {
		if !died {
			died = true
			panic(runtimetest.Crash{})
		}
	}
	if _, err := b.try("2025-08-04T04:30:00Z"); !errors.Is(err, runtimetest.ErrCrashed) {
		t.Fatalf("error %v", err)
	}
	b.Clock.Set(at("2025-08-04T04:32:00Z"))
	tick := runtimetest.Event("tick-2025-08-04T04:30:00Z", events.ScheduleTicked{ScheduledAt: at("2025-08-04T04:30:00Z")})
	out, err := b.Deliver(t.Context(), Service, tick)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, texts(t, out), "things/20250804T043000")
	expect(t, b.tick("2025-08-04T04:35:00Z"))
}

// A tick that recorded its request and then became a dead letter has published nothing. Another tick takes the request over,
// but only after an hour, because the first may still be running.
func TestALostRequestIsTakenOver(t *testing.T) {
	t.Parallel()
	b := newScheduler(t, daily(t, "things"))
	b.Ports.Failpoint = func(string) { panic(runtimetest.Crash{}) }
	if _, err := b.try("2025-08-04T04:30:00Z"); !errors.Is(err, runtimetest.ErrCrashed) {
		t.Fatalf("error %v", err)
	}
	b.Ports.Failpoint = func(string) {}
	expect(t, b.tick("2025-08-04T04:35:00Z"))
	expect(t, b.tick("2025-08-04T05:30:00Z"), "things/20250804T043000")
	expect(t, b.tick("2025-08-04T06:35:00Z"))
	expect(t, b.tick("2025-08-04T07:40:00Z"))
}

func TestOnlyTheLatestMissedSlotRuns(t *testing.T) {
	t.Parallel()
	b := newScheduler(t, daily(t, "things"))
	expect(t, b.tick("2025-08-04T04:30:00Z"), "things/20250804T043000")
	expect(t, b.tick("2025-08-09T12:00:00Z"), "things/20250809T043000")
	expect(t, b.tick("2025-08-09T12:05:00Z"))
}

// Slots are wall-clock times in Madrid. 02:30 does not exist on one day in spring, and occurs twice on one day in autumn.
func TestDaylightSaving(t *testing.T) {
	t.Parallel()
	c := runtimetest.Parse(t, "things", runtimetest.Shape{Schedule: "30 2 * * *"}.Text())
	for name, run := range map[string]struct{ from, to string }{
		"spring": {"2025-03-29T00:00:00Z", "2025-04-01T00:00:00Z"},
		"autumn": {"2025-10-25T00:00:00Z", "2025-10-28T00:00:00Z"},
	} {
		b := newScheduler(t, c)
		var all []string
		b.tick(run.from) // the slot before
		for now := at(run.from).Add(15 * time.Minute); now.Before(at(run.to)); now = now.Add(15 * time.Minute) {
			all = append(all, b.tick(now.Format(time.RFC3339))...)
		}
		want := map[string][]string{
			"spring": {"things/20250329T013000", "things/20250330T010000", "things/20250331T003000"},
			"autumn": {"things/20251025T003000", "things/20251026T003000", "things/20251027T013000"},
		}[name]
		if !slices.Equal(all, want) {
			t.Errorf("%s: %q\nwant %q", name, all, want)
		}
	}
}

func population(t *testing.T) (testScheduler, *contract.Contract) {
	c := runtimetest.Contract(t, "population")
	return newScheduler(t, runtimetest.Contract(t, "municipalities"), c), c
}

func TestEachSliceIsASeparateRun(t *testing.T) {
	t.Parallel()
	b, c := population(t)
	b.publish("municipalities", "20250728T031500", at("2025-08-03T00:00:00Z"))
	out, err := b.try("2025-08-04T04:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	expect(t, texts(t, out), "municipalities/20250804T031500", "population/20250804T034500-y2023", "population/20250804T034500-y2024")
	for _, e := range out[1:] {
		p, err := events.As[events.ExtractionRequested](e)
		if err != nil || !slices.Equal(p.Slices, c.Slicing.Values) || !slices.Contains(p.Slices, p.Slice) || p.Slot != "20250804T034500" {
			t.Errorf("%+v (%v)", p, err)
		}
	}
	if out[1].ID == out[2].ID {
		t.Errorf("two slices have the id %s", out[1].ID)
	}
}

func (b testScheduler) request(p events.RunRequested) ([]events.Event, error) {
	b.Clock.Set(p.RequestedAt)
	return b.Deliver(b.t.Context(), Service, runtimetest.Event("request-"+p.RequestedAt.String(), p))
}

func TestABackfillIsRequestedOnce(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	b.publish("municipalities", "20250728T031500", runtimetest.Start)
	asked := events.RunRequested{
		Dataset: "population", RequestedAt: at("2025-08-04T10:00:01Z"), Trigger: "backfill",
		Slices: []string{"2023"}, Repeats: "20250701T000000-y2023", Force: true,
	}
	out, err := b.request(asked)
	p := runtimetest.Only[events.ExtractionRequested](t, out, err)
	if p.RunID != "20250804T100001-y2023" || p.Trigger != "backfill" || p.Repeats != asked.Repeats || !p.Force ||
		!slices.Equal(p.Slices, []string{"2023"}) {
		t.Errorf("%+v", p)
	}
	again, err := b.request(asked)
	if err != nil || runtimetest.Bytes(t, again) != runtimetest.Bytes(t, out) {
		t.Errorf("redelivered: %v, %s", err, runtimetest.Bytes(t, again))
	}
}

func TestInvalidRequestsFailPermanently(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	for want, p := range map[string]events.RunRequested{
		`dataset "nothing": it has no contract in force`:           {Dataset: "nothing"},
		`dataset population: its contract has no slice "1066"`:     {Dataset: "population", Slices: []string{"2023", "1066"}},
		`dataset municipalities: its contract has no slice "2023"`: {Dataset: "municipalities", Slices: []string{"2023"}},
	} {
		p.RequestedAt, p.Trigger = runtimetest.Start, "manual"
		if _, err := b.request(p); !runtime.IsPermanent(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want a permanent one: %s", err, want)
		}
	}
	if keys := b.Lake.Keys(); len(keys) != 0 {
		t.Errorf("a rejected request wrote %v", keys)
	}
}

func TestARunIsHeldBackUntilItsReferencesArePublished(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	expect(t, b.tick("2025-08-04T04:00:00Z"), "municipalities/20250804T031500")
	expect(t, b.tick("2025-08-04T04:05:00Z"))
	b.publish("municipalities", "20250804T031500", at("2025-08-04T04:06:00Z"))
	released := b.release("municipalities", "20250804T031500")
	expect(t, texts(t, released), "population/20250804T034500-y2023", "population/20250804T034500-y2024")
	if again := b.release("municipalities", "20250804T031500"); runtimetest.Bytes(t, again) != runtimetest.Bytes(t, released) {
		t.Error("a redelivered publication emits different events")
	}
	expect(t, texts(t, b.release("municipalities", "20250811T031500")))
	expect(t, b.tick("2025-08-04T04:10:00Z"))
}

// A held run belongs to the trace of its request, not to the trace of the publication that released it (invariant 7).
func TestAHeldRunKeepsTheTraceOfItsRequest(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	expect(t, b.tick("2025-08-04T04:00:00Z"), "municipalities/20250804T031500")
	const trace = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"
	request := runtimetest.Event("request", events.RunRequested{
		Dataset: "population", RequestedAt: at("2025-08-04T04:01:00Z"), Trigger: "manual",
	})
	request.TraceParent = trace
	if out, err := b.Deliver(t.Context(), Service, request); err != nil || len(out) > 0 {
		t.Fatalf("%v, %v", texts(t, out), err)
	}
	b.publish("municipalities", "20250804T031500", at("2025-08-04T04:06:00Z"))
	traced := 0
	for _, e := range b.release("municipalities", "20250804T031500") {
		if !strings.HasPrefix(e.CorrelationID, "20250804T040100") {
			continue
		}
		traced++
		if e.TraceParent != trace {
			t.Errorf("%s has the trace %q, want %s, the trace of its request", e.ID, e.TraceParent, trace)
		}
	}
	if traced != 2 {
		t.Errorf("%d runs were released, want 2, one per slice", traced)
	}
}

// Runs that people requested and the latest scheduled run are held at the same time.
func TestManualAndScheduledRunsAreHeldTogether(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	expect(t, b.tick("2025-08-04T04:00:00Z"), "municipalities/20250804T031500")
	out, err := b.request(events.RunRequested{
		Dataset: "population", RequestedAt: at("2025-08-05T10:00:00Z"), Trigger: "manual", Slices: []string{"2024"},
	})
	if err != nil || len(out) > 0 {
		t.Fatalf("%v, %v", texts(t, out), err)
	}
	expect(t, b.tick("2025-08-05T10:05:00Z"))
	expect(t, b.tick("2025-08-11T04:00:00Z"), "municipalities/20250811T031500")
	b.publish("municipalities", "20250811T031500", at("2025-08-11T04:06:00Z"))
	expect(t, texts(t, b.release("municipalities", "20250811T031500")),
		"population/20250805T100000-y2024", "population/20250811T034500-y2023", "population/20250811T034500-y2024")
}

// The reference may be published after the scheduler read its pointer and before it wrote the held run. The publication then
// finds nothing to release, and the run must not be held forever.
func TestPublicationWhileHolding(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	b.Lake.Before = func(op, key string) error {
		if op == "put" && key == lake.StateKey("population", "held") {
			b.Lake.Before = nil
			b.publish("municipalities", "20250804T031500", runtimetest.Start)
			expect(t, texts(t, b.release("municipalities", "20250804T031500")))
		}
		return nil
	}
	expect(t, b.tick("2025-08-04T04:00:00Z"),
		"municipalities/20250804T031500", "population/20250804T034500-y2023", "population/20250804T034500-y2024")
}

// A tick and a publication may both find that a held run can start; the run is requested once.
func TestAConcurrentReleaseAndTickRequestARunOnce(t *testing.T) {
	t.Parallel()
	for range 20 {
		b, _ := population(t)
		b.tick("2025-08-04T04:00:00Z")
		b.publish("municipalities", "20250804T031500", at("2025-08-04T04:06:00Z"))
		b.Clock.Set(at("2025-08-04T04:07:00Z"))
		var both sync.WaitGroup
		outs := make([][]events.Event, 2)
		for i, e := range []events.Event{
			runtimetest.Event("tick", events.ScheduleTicked{ScheduledAt: at("2025-08-04T04:07:00Z")}),
			runtimetest.Event("gate", events.StagingPublished{Run: events.Run{Dataset: "municipalities", RunID: "20250804T031500"}}),
		} {
			both.Go(func() {
				out, err := b.Deliver(t.Context(), Service, e)
				if err != nil {
					t.Error(err)
				}
				outs[i] = out
			})
		}
		both.Wait()
		expect(t, texts(t, slices.Concat(outs[0], outs[1])), "population/20250804T034500-y2023", "population/20250804T034500-y2024")
	}
}

// Invariant 5: a dataset that cannot be scheduled does not stop the others.
func TestOneBrokenDatasetDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	away := errors.New("the lake is unavailable")
	for name, damage := range map[string]func(b testScheduler){
		"an unreadable pointer": func(b testScheduler) { b.Put(t, lake.PointerKey("broken"), []byte("{")) },
		"an unreadable record": func(b testScheduler) {
			b.Put(t, lake.RunPrefix("broken", "20250804T043000")+"requested.json", []byte("{"))
		},
		"a prefix that cannot be read": func(b testScheduler) {
			b.Lake.Before = func(_, key string) error {
				if strings.Contains(key, "/broken/") {
					return away
				}
				return nil
			}
		},
		"a contract that cannot be used": func(b testScheduler) {
			c := daily(t, "broken")
			b.Config.Corrupt(lake.ContractKey(c.SHA256), []byte("{}"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newScheduler(t, daily(t, "broken"), daily(t, "things"))
			damage(b)
			if got := b.tick("2025-08-04T04:30:00Z"); !slices.Contains(got, "things/20250804T043000") {
				t.Errorf("emitted %q", got)
			}
			if !strings.Contains(b.Log.String(), "broken") {
				t.Errorf("the log does not name the broken dataset: %s", b.Log)
			}
		})
	}
	b := newScheduler(t, daily(t, "things"))
	b.Lake.Before = func(_, key string) error {
		if strings.HasPrefix(key, "state/") {
			return away
		}
		return nil
	}
	if _, err := b.try("2025-08-04T04:30:00Z"); !errors.Is(err, away) || runtime.IsPermanent(err) {
		t.Errorf("no dataset could be scheduled: error %v, want a transient one, so that the tick is retried", err)
	}
	b.Lake.Before = nil
	expect(t, b.tick("2025-08-04T04:30:00Z"), "things/20250804T043000")
}

func TestStaleOnceAndRecoveredOnce(t *testing.T) {
	t.Parallel()
	c := daily(t, "things")
	b := newScheduler(t, c)
	b.publish("things", "20250804T043000", at("2025-08-04T04:32:00Z"))
	freshness := func(instant string) []string {
		return slices.DeleteFunc(b.tick(instant), func(s string) bool { return strings.Contains(s, "/") })
	}
	expect(t, freshness("2025-08-05T16:32:00Z")) // exactly 36 hours
	expect(t, freshness("2025-08-05T16:33:00Z"), "things stale", "things opened")
	expect(t, freshness("2025-08-05T16:40:00Z"))
	expect(t, freshness("2025-08-06T16:40:00Z"))
	// A read that finds the source unchanged is a success too.
	b.Put(t, lake.CursorKey("things"), lake.Cursor{Dataset: "things", LastSuccess: at("2025-08-06T16:41:00Z")})
	expect(t, freshness("2025-08-06T16:45:00Z"), "things recovered", "things closed")
	expect(t, freshness("2025-08-06T16:50:00Z"))
	// A tick that arrives late does not change the state.
	b.Put(t, lake.CursorKey("things"), lake.Cursor{Dataset: "things", LastSuccess: at("2025-08-04T04:32:00Z")})
	expect(t, freshness("2025-08-06T16:44:00Z"))
	expect(t, freshness("2025-08-06T16:55:00Z"), "things stale", "things opened")
}

func TestALateTickDoesNotReportFreshness(t *testing.T) {
	t.Parallel()
	b := newScheduler(t, daily(t, "things"))
	b.publish("things", "20250804T043000", at("2025-08-04T04:32:00Z"))
	if got := b.tick("2025-08-05T17:00:00Z"); !slices.Contains(got, "things stale") {
		t.Fatalf("emitted %q, want that things is stale", got)
	}
	if got := b.tick("2025-08-05T16:00:00Z"); slices.Contains(got, "things recovered") {
		t.Errorf("an older tick, before the deadline, emitted %q", got)
	}
}

func TestStalenessIsNotLostOnRedelivery(t *testing.T) {
	t.Parallel()
	b := newScheduler(t, daily(t, "things"))
	b.publish("things", "20250804T043000", at("2025-08-04T04:32:00Z"))
	died := false
	b.Ports.Failpoint = func(string) {
		if !died {
			died = true
			panic(runtimetest.Crash{})
		}
	}
	if _, err := b.try("2025-08-05T17:00:00Z"); !errors.Is(err, runtimetest.ErrCrashed) {
		t.Fatalf("error %v", err)
	}
	if got := b.tick("2025-08-05T17:00:00Z"); !slices.Contains(got, "things stale") || !slices.Contains(got, "things opened") {
		t.Errorf("the redelivery emitted %q", got)
	}
}

func TestNeverPublishedIsNotStale(t *testing.T) {
	t.Parallel()
	b := newScheduler(t, daily(t, "things"))
	expect(t, b.tick("2025-08-04T04:30:00Z"), "things/20250804T043000")
	expect(t, b.tick("2026-08-04T04:29:00Z"), "things/20260803T043000")
}

// Ticks that waited in the queue during an outage are delivered concurrently.
func TestConcurrentTicksRequestASlotOnce(t *testing.T) {
	t.Parallel()
	b := newScheduler(t, daily(t, "things"))
	b.Clock.Set(at("2025-08-04T06:00:00Z"))
	var all sync.WaitGroup
	var mu sync.Mutex
	var emitted []string
	for i := range 16 {
		all.Go(func() {
			instant := at("2025-08-04T04:30:00Z").Add(time.Duration(i) * 5 * time.Minute)
			tick := runtimetest.Event(fmt.Sprint("tick-", i), events.ScheduleTicked{ScheduledAt: instant})
			out, err := b.Deliver(context.Background(), Service, tick)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			emitted = append(emitted, texts(t, out)...)
		})
	}
	all.Wait()
	expect(t, emitted, "things/20250804T043000")
}

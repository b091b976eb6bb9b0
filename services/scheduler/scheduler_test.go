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

// bench is a scheduler over the contracts given, by dataset name.
type bench struct {
	*runtimetest.Bench
	t *testing.T
}

func newBench(t *testing.T, contracts ...*contract.Contract) bench {
	return bench{runtimetest.New(t, contracts...), t}
}

// daily is a contract that is due at 06:30 in Madrid.
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

// tick delivers the tick of an instant and returns the requested run ids and what else was said, each as one word.
func (b bench) tick(instant string) []string {
	b.t.Helper()
	out, err := b.try(instant)
	if err != nil {
		b.t.Fatal(err)
	}
	return words(b.t, out)
}

func (b bench) try(instant string) ([]events.Event, error) {
	b.Clock.Set(at(instant))
	return b.Deliver(b.t.Context(), Service, runtimetest.Event("tick-"+instant, events.ScheduleTicked{ScheduledAt: at(instant)}))
}

func words(t *testing.T, out []events.Event) []string {
	t.Helper()
	said := []string{}
	for _, e := range out {
		payload, err := e.Decode()
		if err != nil {
			t.Fatal(err)
		}
		switch p := payload.(type) {
		case events.ExtractionRequested:
			said = append(said, p.Dataset+"/"+p.RunID)
		case events.DatasetStale:
			said = append(said, p.Dataset+" stale")
		case events.DatasetRecovered:
			said = append(said, p.Dataset+" recovered")
		case events.IncidentOpened:
			said = append(said, p.Dataset+" opened")
		case events.IncidentClosed:
			said = append(said, p.Dataset+" closed")
		default:
			t.Errorf("the scheduler said %s", e.Type)
		}
	}
	return said
}

func (b bench) publish(dataset, slot string, published time.Time) {
	b.t.Helper()
	b.Put(b.t, lake.PointerKey(dataset), lake.Pointer{Dataset: dataset, Snapshot: slot, PublishedAt: published, RunID: slot})
}

// release delivers the publication of a dataset.
func (b bench) release(dataset, slot string) []events.Event {
	b.t.Helper()
	e := runtimetest.Event(dataset+"/"+slot+"/quality-gate/1", events.StagingPublished{Run: events.Run{Dataset: dataset, RunID: slot, Slot: slot}, Snapshot: slot})
	out, err := b.Deliver(b.t.Context(), Service, e)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) && len(got)+len(want) > 0 {
		t.Errorf("said %q\nwant %q", got, want)
	}
}

func TestADueSlotIsRequestedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, daily(t, "things"))
	expect(t, b.tick("2025-08-04T04:30:00Z"), "things/20250804T043000")
	for _, later := range []string{"2025-08-04T04:35:00Z", "2025-08-04T04:40:00Z", "2025-08-05T04:25:00Z"} {
		expect(t, b.tick(later))
	}
	expect(t, b.tick("2025-08-05T04:30:00Z"), "things/20250805T043000")
}

func TestARequestPinsContractAndTrigger(t *testing.T) {
	t.Parallel()
	c := daily(t, "things")
	b := newBench(t, c)
	out, err := b.try("2025-08-04T04:31:00Z")
	p := runtimetest.Only[events.ExtractionRequested](t, out, err)
	if p.ContractSHA256 != c.SHA256 || p.Trigger != "schedule" || p.Slot != "20250804T043000" || p.Slice != "" || p.Slices != nil {
		t.Errorf("%+v", p)
	}
	if out[0].ID != "things/20250804T043000/scheduler/1" || out[0].CorrelationID != "20250804T043000" {
		t.Errorf("id %s, correlation %s", out[0].ID, out[0].CorrelationID)
	}
}

// A tick that died between the record of its request and its receipt asks again when it is redelivered.
func TestARedeliveredTickAsksAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, daily(t, "things"))
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
	out, err := b.Deliver(t.Context(), Service, runtimetest.Event("tick-2025-08-04T04:30:00Z", events.ScheduleTicked{ScheduledAt: at("2025-08-04T04:30:00Z")}))
	if err != nil {
		t.Fatal(err)
	}
	expect(t, words(t, out), "things/20250804T043000")
	expect(t, b.tick("2025-08-04T04:35:00Z"))
}

// A tick that recorded its request and then went to the dead-letter queue has published nothing: another takes over, but
// not at once, because the first may still be at work.
func TestALostRequestIsTakenOver(t *testing.T) {
	t.Parallel()
	b := newBench(t, daily(t, "things"))
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

func TestOfMissedSlotsOnlyTheLatestRuns(t *testing.T) {
	t.Parallel()
	b := newBench(t, daily(t, "things"))
	expect(t, b.tick("2025-08-04T04:30:00Z"), "things/20250804T043000")
	expect(t, b.tick("2025-08-09T12:00:00Z"), "things/20250809T043000")
	expect(t, b.tick("2025-08-09T12:05:00Z"))
}

// Slots are wall-clock times in Madrid. In spring 02:30 does not exist, in autumn it comes twice.
func TestDaylightSaving(t *testing.T) {
	t.Parallel()
	c := runtimetest.Parse(t, "things", runtimetest.Shape{Schedule: "30 2 * * *"}.Text())
	for name, run := range map[string]struct{ from, to string }{
		"spring": {"2025-03-29T00:00:00Z", "2025-04-01T00:00:00Z"},
		"autumn": {"2025-10-25T00:00:00Z", "2025-10-28T00:00:00Z"},
	} {
		b := newBench(t, c)
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

func population(t *testing.T) (bench, *contract.Contract) {
	c := runtimetest.Contract(t, "population")
	return newBench(t, runtimetest.Contract(t, "municipalities"), c), c
}

func TestSlicesAreRunsOfTheirOwn(t *testing.T) {
	t.Parallel()
	b, c := population(t)
	b.publish("municipalities", "20250728T031500", at("2025-08-03T00:00:00Z"))
	out, err := b.try("2025-08-04T04:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	expect(t, words(t, out), "municipalities/20250804T031500", "population/20250804T034500-y2023", "population/20250804T034500-y2024")
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

func (b bench) request(p events.RunRequested) ([]events.Event, error) {
	b.Clock.Set(p.RequestedAt)
	return b.Deliver(b.t.Context(), Service, runtimetest.Event("request-"+p.RequestedAt.String(), p))
}

func TestAManualRun(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	b.publish("municipalities", "20250728T031500", runtimetest.Start)
	asked := events.RunRequested{
		Dataset: "population", RequestedAt: at("2025-08-04T10:00:01Z"), Trigger: "backfill", Slices: []string{"2023"}, Repeats: "20250701T000000-y2023", Force: true,
	}
	out, err := b.request(asked)
	p := runtimetest.Only[events.ExtractionRequested](t, out, err)
	if p.RunID != "20250804T100001-y2023" || p.Trigger != "backfill" || p.Repeats != asked.Repeats || !p.Force || !slices.Equal(p.Slices, []string{"2023"}) {
		t.Errorf("%+v", p)
	}
	again, err := b.request(asked)
	if err != nil || runtimetest.Bytes(t, again) != runtimetest.Bytes(t, out) {
		t.Errorf("redelivered: %v, %s", err, runtimetest.Bytes(t, again))
	}
}

func TestRequestsThatCannotBe(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	for want, p := range map[string]events.RunRequested{
		`no contract for dataset "nothing"`:                       {Dataset: "nothing"},
		`dataset population has no slice "1066" in its contract`:  {Dataset: "population", Slices: []string{"2023", "1066"}},
		`dataset municipalities has no slice "2023" in its contr`: {Dataset: "municipalities", Slices: []string{"2023"}},
	} {
		p.RequestedAt, p.Trigger = runtimetest.Start, "manual"
		if _, err := b.request(p); !runtime.IsPermanent(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want a permanent one: %s", err, want)
		}
	}
	if keys := b.Lake.Keys(); len(keys) != 0 {
		t.Errorf("a refused request left %v", keys)
	}
}

func TestARunIsHeldBackUntilItsReferencesArePublished(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	expect(t, b.tick("2025-08-04T04:00:00Z"), "municipalities/20250804T031500")
	expect(t, b.tick("2025-08-04T04:05:00Z"))
	b.publish("municipalities", "20250804T031500", at("2025-08-04T04:06:00Z"))
	released := b.release("municipalities", "20250804T031500")
	expect(t, words(t, released), "population/20250804T034500-y2023", "population/20250804T034500-y2024")
	if again := b.release("municipalities", "20250804T031500"); runtimetest.Bytes(t, again) != runtimetest.Bytes(t, released) {
		t.Error("a redelivered publication says something else")
	}
	expect(t, words(t, b.release("municipalities", "20250811T031500")))
	expect(t, b.tick("2025-08-04T04:10:00Z"))
}

// A run that waited belongs to the trace of the wish for it, not to the publication that released it (invariant 7).
func TestARunThatWaitedKeepsItsTrace(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	expect(t, b.tick("2025-08-04T04:00:00Z"), "municipalities/20250804T031500")
	const trace = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"
	wish := runtimetest.Event("wish", events.RunRequested{Dataset: "population", RequestedAt: at("2025-08-04T04:01:00Z"), Trigger: "manual"})
	wish.TraceParent = trace
	if out, err := b.Deliver(t.Context(), Service, wish); err != nil || len(out) > 0 {
		t.Fatalf("%v, %v", words(t, out), err)
	}
	b.publish("municipalities", "20250804T031500", at("2025-08-04T04:06:00Z"))
	traced := 0
	for _, e := range b.release("municipalities", "20250804T031500") {
		if !strings.HasPrefix(e.CorrelationID, "20250804T040100") {
			continue
		}
		traced++
		if e.TraceParent != trace {
			t.Errorf("%s is of trace %q, want that of the wish, %s", e.ID, e.TraceParent, trace)
		}
	}
	if traced != 2 {
		t.Errorf("%d runs were released, want both slices", traced)
	}
}

// A run that a person asked for is not lost because a scheduled one waits too, and of scheduled ones the latest counts.
func TestSeveralRunsWait(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	expect(t, b.tick("2025-08-04T04:00:00Z"), "municipalities/20250804T031500")
	if out, err := b.request(events.RunRequested{Dataset: "population", RequestedAt: at("2025-08-05T10:00:00Z"), Trigger: "manual", Slices: []string{"2024"}}); err != nil || len(out) > 0 {
		t.Fatalf("%v, %v", words(t, out), err)
	}
	expect(t, b.tick("2025-08-05T10:05:00Z"))
	expect(t, b.tick("2025-08-11T04:00:00Z"), "municipalities/20250811T031500")
	b.publish("municipalities", "20250811T031500", at("2025-08-11T04:06:00Z"))
	expect(t, words(t, b.release("municipalities", "20250811T031500")),
		"population/20250805T100000-y2024", "population/20250811T034500-y2023", "population/20250811T034500-y2024")
}

// The reference may be published between the look at its pointer and the note that the run waits. Then its event finds
// nothing to release, and the run must not wait for ever.
func TestPublicationWhileHolding(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	b.Lake.Before = func(op, key string) error {
		if op == "put" && key == lake.StateKey("population", "held") {
			b.Lake.Before = nil
			b.publish("municipalities", "20250804T031500", runtimetest.Start)
			expect(t, words(t, b.release("municipalities", "20250804T031500")))
		}
		return nil
	}
	expect(t, b.tick("2025-08-04T04:00:00Z"), "municipalities/20250804T031500", "population/20250804T034500-y2023", "population/20250804T034500-y2024")
}

// A tick and a publication may both see that a waiting run can begin.
func TestReleaseAndTickAtOnce(t *testing.T) {
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
		expect(t, words(t, slices.Concat(outs[0], outs[1])), "population/20250804T034500-y2023", "population/20250804T034500-y2024")
	}
}

// Invariant 5: a dataset that cannot be scheduled does not stop the others.
func TestOneBrokenDataset(t *testing.T) {
	t.Parallel()
	away := errors.New("the lake is away")
	for name, spoil := range map[string]func(b bench){
		"an unreadable pointer": func(b bench) { b.Put(t, lake.PointerKey("broken"), []byte("{")) },
		"an unreadable record": func(b bench) {
			b.Put(t, lake.RunPrefix("broken", "20250804T043000")+"requested.json", []byte("{"))
		},
		"a prefix that cannot be read": func(b bench) {
			b.Lake.Before = func(_, key string) error {
				if strings.Contains(key, "/broken/") {
					return away
				}
				return nil
			}
		},
		"a contract that cannot be used": func(b bench) {
			c := daily(t, "broken")
			b.Config.Corrupt(lake.ContractKey(c.SHA256), []byte("{}"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, daily(t, "broken"), daily(t, "things"))
			spoil(b)
			if got := b.tick("2025-08-04T04:30:00Z"); !slices.Contains(got, "things/20250804T043000") {
				t.Errorf("said %q", got)
			}
			if !strings.Contains(b.Log.String(), "broken") {
				t.Errorf("nothing is logged of it: %s", b.Log)
			}
		})
	}
	b := newBench(t, daily(t, "things"))
	b.Lake.Before = func(_, key string) error {
		if strings.HasPrefix(key, "state/") {
			return away
		}
		return nil
	}
	if _, err := b.try("2025-08-04T04:30:00Z"); !errors.Is(err, away) || runtime.IsPermanent(err) {
		t.Errorf("where nothing can be scheduled the tick is tried again; error %v", err)
	}
	b.Lake.Before = nil
	expect(t, b.tick("2025-08-04T04:30:00Z"), "things/20250804T043000")
}

func TestStaleOnceAndRecoveredOnce(t *testing.T) {
	t.Parallel()
	c := daily(t, "things")
	b := newBench(t, c)
	b.publish("things", "20250804T043000", at("2025-08-04T04:32:00Z"))
	freshness := func(instant string) []string {
		said := b.tick(instant)
		return slices.DeleteFunc(said, func(s string) bool { return strings.Contains(s, "/") })
	}
	expect(t, freshness("2025-08-05T16:32:00Z")) // exactly 36 hours
	expect(t, freshness("2025-08-05T16:33:00Z"), "things stale", "things opened")
	expect(t, freshness("2025-08-05T16:40:00Z"))
	expect(t, freshness("2025-08-06T16:40:00Z"))
	// Looking and finding nothing new is a success too.
	b.Put(t, lake.CursorKey("things"), lake.Cursor{Dataset: "things", LastSuccess: at("2025-08-06T16:41:00Z")})
	expect(t, freshness("2025-08-06T16:45:00Z"), "things recovered", "things closed")
	expect(t, freshness("2025-08-06T16:50:00Z"))
	// A tick that was late on its way does not turn the clock back.
	b.Put(t, lake.CursorKey("things"), lake.Cursor{Dataset: "things", LastSuccess: at("2025-08-04T04:32:00Z")})
	expect(t, freshness("2025-08-06T16:44:00Z"))
	expect(t, freshness("2025-08-06T16:55:00Z"), "things stale", "things opened")
}

func TestALateTickSaysNothingOfFreshness(t *testing.T) {
	t.Parallel()
	b := newBench(t, daily(t, "things"))
	b.publish("things", "20250804T043000", at("2025-08-04T04:32:00Z"))
	if got := b.tick("2025-08-05T17:00:00Z"); !slices.Contains(got, "things stale") {
		t.Fatalf("said %q", got)
	}
	if got := b.tick("2025-08-05T16:00:00Z"); slices.Contains(got, "things recovered") {
		t.Errorf("an older tick, from before the deadline, said %q", got)
	}
}

func TestStalenessIsNotLostOnRedelivery(t *testing.T) {
	t.Parallel()
	b := newBench(t, daily(t, "things"))
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
		t.Errorf("the redelivery said %q", got)
	}
}

func TestNeverPublishedIsNotStale(t *testing.T) {
	t.Parallel()
	b := newBench(t, daily(t, "things"))
	expect(t, b.tick("2025-08-04T04:30:00Z"), "things/20250804T043000")
	expect(t, b.tick("2026-08-04T04:29:00Z"), "things/20260803T043000")
}

// Ticks that wait in the queue after an outage come at once.
func TestManyTicksAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, daily(t, "things"))
	b.Clock.Set(at("2025-08-04T06:00:00Z"))
	var all sync.WaitGroup
	var mu sync.Mutex
	var said []string
	for i := range 16 {
		all.Go(func() {
			instant := at("2025-08-04T04:30:00Z").Add(time.Duration(i) * 5 * time.Minute)
			out, err := b.Deliver(context.Background(), Service, runtimetest.Event(fmt.Sprint("tick-", i), events.ScheduleTicked{ScheduledAt: instant}))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			said = append(said, words(t, out)...)
		})
	}
	all.Wait()
	expect(t, said, "things/20250804T043000")
}

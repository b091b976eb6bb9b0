package scheduler

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

// ask delivers a request for population twice, in an event with this id. It checks that the redelivery emits the same.
func (b testScheduler) ask(id string, p events.RunRequested) []string {
	b.t.Helper()
	p.Dataset = "population"
	b.Clock.Set(p.RequestedAt)
	if p.Trigger == "" {
		p.Trigger = "manual"
	}
	e := runtimetest.Event(id, p)
	out, err := b.Deliver(b.t.Context(), Service, e)
	if err != nil {
		b.t.Fatal(err)
	}
	again, err := b.Deliver(b.t.Context(), Service, e)
	if err != nil || runtimetest.Bytes(b.t, again) != runtimetest.Bytes(b.t, out) {
		b.t.Errorf("request %s redelivered: %v, %v", id, err, runtimetest.Names(again))
	}
	return texts(b.t, out)
}

// Slots have a resolution of one second. Different requests of the same second get separate slots.
func TestRequestsInTheSameSecond(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	b.publish("municipalities", "20250728T031500", runtimetest.Start)
	second := at("2025-08-04T10:00:01Z")
	expect(t, b.ask("1", events.RunRequested{RequestedAt: second, Slices: []string{"2023"}}), "population/20250804T100001-y2023")
	expect(t, b.ask("2", events.RunRequested{RequestedAt: second.Add(time.Millisecond), Slices: []string{"2024"}}),
		"population/20250804T100002-y2024")
	// The same id with a different request: two machines derived the id from the same second.
	expect(t, b.ask("1", events.RunRequested{RequestedAt: second, Force: true}),
		"population/20250804T100003-y2023", "population/20250804T100003-y2024")
	// The same request is one run.
	expect(t, b.ask("3", events.RunRequested{RequestedAt: second, Slices: []string{"2024"}}))
}

func TestARequestInTheSlotOfATick(t *testing.T) {
	t.Parallel()
	const due = "2025-08-04T03:45:00Z"
	b, _ := population(t)
	b.publish("municipalities", "20250728T031500", runtimetest.Start)
	// A request for some slices does not take the slot of the cadence, also if it arrives first.
	expect(t, b.ask("1", events.RunRequested{RequestedAt: at(due), Slices: []string{"2023"}}), "population/20250804T034501-y2023")
	whole := []string{"population/20250804T034500-y2023", "population/20250804T034500-y2024"}
	if emitted := b.tick(due); !slices.Equal(emitted[1:], whole) {
		t.Errorf("the tick emitted %v", emitted)
	}
	// A forced run is a different request from the run that is due.
	expect(t, b.ask("2", events.RunRequested{RequestedAt: at(due), Force: true}),
		"population/20250804T034502-y2023", "population/20250804T034502-y2024")
}

// The service may crash at any step of a request whose slot is taken. The redelivery moves to the same slot.
func TestACrashWhileLookingForASlot(t *testing.T) {
	t.Parallel()
	for step := 1; ; step++ {
		b, _ := population(t)
		b.publish("municipalities", "20250728T031500", runtimetest.Start)
		second := at("2025-08-04T10:00:01Z")
		b.ask("1", events.RunRequested{RequestedAt: second, Slices: []string{"2023"}})
		b.Clock.Set(second)
		in := runtimetest.Event("2", events.RunRequested{
			Dataset: "population", Trigger: "manual", RequestedAt: second, Slices: []string{"2024"},
		})
		done := 0
		b.Lake.Before = func(string, string) error {
			if done++; done == step {
				panic(runtimetest.Crash{})
			}
			return nil
		}
		_, err := b.Deliver(t.Context(), Service, in)
		b.Lake.Before = nil
		if err == nil {
			return
		}
		out, err := b.Deliver(t.Context(), Service, in)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, texts(t, out), "population/20250804T100002-y2024")
	}
}

func TestHeldRequestsOfTheSameSecond(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	second := at("2025-08-04T10:00:01Z")
	expect(t, b.ask("1", events.RunRequested{RequestedAt: second, Slices: []string{"2023"}}))
	expect(t, b.ask("2", events.RunRequested{RequestedAt: second, Slices: []string{"2024"}}))
	b.publish("municipalities", "20250804T031500", at("2025-08-04T10:01:00Z"))
	expect(t, texts(t, b.release("municipalities", "20250804T031500")),
		"population/20250804T100001-y2023", "population/20250804T100002-y2024")
	expect(t, texts(t, b.release("municipalities", "20250811T031500"))) // released once only
}

// A slot of the future would block the publication of every scheduled slot until then. All ticks without a time would share
// one receipt, so only the first would be handled.
func TestInvalidTimesFailPermanently(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	now := b.Clock.Now()
	for want, at := range map[string]time.Time{"": now.Add(5 * time.Minute), "1h0m0s ahead": now.Add(time.Hour), "it has no time": {}} {
		for id, p := range map[string]events.Payload{
			"request": events.RunRequested{Dataset: "municipalities", Trigger: "manual", RequestedAt: at},
			"tick":    events.ScheduleTicked{ScheduledAt: at},
		} {
			_, err := b.Deliver(t.Context(), Service, runtimetest.Event(id+want, p))
			if rejected := want != ""; rejected != runtime.IsPermanent(err) || rejected && !strings.Contains(err.Error(), want) {
				t.Errorf("%s at %s: error %v, want %q", id, at, err, want)
			}
		}
	}
}

// Invariant 5: a dataset whose list of held runs cannot be read does not block the release of the others.
func TestAReleaseSkipsABrokenDataset(t *testing.T) {
	t.Parallel()
	text := runtimetest.Shape{Dataset: "alpha", Properties: `
      - {name: thing_id, logicalType: string, required: true,
         primaryKey: true, primaryKeyPosition: 1, description: Code., customProperties: [{property: llacSource, value: codi}]}
      - name: municipality_code
        logicalType: string
        description: Municipality.
        customProperties: [{property: llacSource, value: codi_municipi}]
        relationships:
          - {to: municipalities.municipality_id}
`}.Text()
	alpha := runtimetest.Parse(t, "alpha", text)
	b := newScheduler(t, alpha, runtimetest.Contract(t, "municipalities"), runtimetest.Contract(t, "population"))
	b.Put(t, lake.StateKey("alpha", "held"), []byte("{"))
	expect(t, b.ask("1", events.RunRequested{RequestedAt: runtimetest.Start}))
	b.publish("municipalities", "20250804T031500", runtimetest.Start)
	expect(t, texts(t, b.release("municipalities", "20250804T031500")),
		"population/20250803T140512-y2023", "population/20250803T140512-y2024")
}

// One request is delivered twice at the same time. The fast delivery holds the run back and writes the receipt. The slow
// delivery finds the reference published and claims the slot, but the receipt lists no event, so it emits nothing. The
// publication requests the run instead.
func TestAClaimAfterAReceiptEmitsNothing(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	request := runtimetest.Event("1", events.RunRequested{Dataset: "population", Trigger: "manual", RequestedAt: runtimetest.Start})
	if out, err := b.Deliver(t.Context(), Service, request); err != nil || len(out) != 0 {
		t.Fatal(runtimetest.Names(out), err)
	}
	key := receiptKey(request)
	receipt := b.Lake.Snapshot()[key]
	if err := b.Lake.Delete(t.Context(), key, ""); err != nil { // the slow delivery looked before the receipt existed
		t.Fatal(err)
	}
	b.publish("municipalities", "20250803T031500", runtimetest.Start)
	b.Lake.Before = func(op, at string) error {
		if op == "put" && at == key {
			b.Lake.Before = nil
			b.Put(t, key, receipt)
		}
		return nil
	}
	if out, err := b.Deliver(t.Context(), Service, request); err != nil || len(out) != 0 {
		t.Fatal(runtimetest.Names(out), err)
	}
	expect(t, texts(t, b.release("municipalities", "20250803T031500")),
		"population/20250803T140512-y2023", "population/20250803T140512-y2024")
}

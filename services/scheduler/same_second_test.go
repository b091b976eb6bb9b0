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

// ask delivers a request for slices of the population in an event of this id, twice: the redelivery must say the same.
func (b bench) ask(id string, p events.RunRequested) []string {
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
	return words(b.t, out)
}

// Slots count seconds, people do not: each of several requests of one second is heard, in a slot of its own.
func TestRequestsInTheSameSecond(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	b.publish("municipalities", "20250728T031500", runtimetest.Start)
	second := at("2025-08-04T10:00:01Z")
	expect(t, b.ask("1", events.RunRequested{RequestedAt: second, Slices: []string{"2023"}}), "population/20250804T100001-y2023")
	expect(t, b.ask("2", events.RunRequested{RequestedAt: second.Add(time.Millisecond), Slices: []string{"2024"}}), "population/20250804T100002-y2024")
	// The same id with another wish: two machines derived it from the same second.
	expect(t, b.ask("1", events.RunRequested{RequestedAt: second, Force: true}), "population/20250804T100003-y2023", "population/20250804T100003-y2024")
	// The same wish is one run.
	expect(t, b.ask("3", events.RunRequested{RequestedAt: second, Slices: []string{"2024"}}))
}

func TestARequestBesideATick(t *testing.T) {
	t.Parallel()
	const due = "2025-08-04T03:45:00Z"
	b, _ := population(t)
	b.publish("municipalities", "20250728T031500", runtimetest.Start)
	// Some slices do not stand for the whole, whoever is first.
	expect(t, b.ask("1", events.RunRequested{RequestedAt: at(due), Slices: []string{"2023"}}), "population/20250804T034501-y2023")
	whole := []string{"population/20250804T034500-y2023", "population/20250804T034500-y2024"}
	if said := b.tick(due); !slices.Equal(said[1:], whole) {
		t.Errorf("the tick said %v", said)
	}
	// What is forced is another wish than what is due.
	expect(t, b.ask("2", events.RunRequested{RequestedAt: at(due), Force: true}), "population/20250804T034502-y2023", "population/20250804T034502-y2024")
}

// The service may die at any step of a request whose slot is taken; the redelivery comes to the same slot.
func TestACrashWhileLookingForASlot(t *testing.T) {
	t.Parallel()
	for step := 1; ; step++ {
		b, _ := population(t)
		b.publish("municipalities", "20250728T031500", runtimetest.Start)
		second := at("2025-08-04T10:00:01Z")
		b.ask("1", events.RunRequested{RequestedAt: second, Slices: []string{"2023"}})
		b.Clock.Set(second)
		in := runtimetest.Event("2", events.RunRequested{Dataset: "population", Trigger: "manual", RequestedAt: second, Slices: []string{"2024"}})
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
		expect(t, words(t, out), "population/20250804T100002-y2024")
	}
}

func TestRequestsOfOneSecondThatWait(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	second := at("2025-08-04T10:00:01Z")
	expect(t, b.ask("1", events.RunRequested{RequestedAt: second, Slices: []string{"2023"}}))
	expect(t, b.ask("2", events.RunRequested{RequestedAt: second, Slices: []string{"2024"}}))
	b.publish("municipalities", "20250804T031500", at("2025-08-04T10:01:00Z"))
	expect(t, words(t, b.release("municipalities", "20250804T031500")), "population/20250804T100001-y2023", "population/20250804T100002-y2024")
	expect(t, words(t, b.release("municipalities", "20250811T031500"))) // once
}

// A slot of the future would keep every scheduled one from being published until then; ticks without a time would all be
// one, dealt with once for ever.
func TestTimesOfWhichNoSlotCanBeMade(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	now := b.Clock.Now()
	for says, at := range map[string]time.Time{"": now.Add(5 * time.Minute), "1h0m0s ahead": now.Add(time.Hour), "has no time": {}} {
		for id, p := range map[string]events.Payload{
			"request": events.RunRequested{Dataset: "municipalities", Trigger: "manual", RequestedAt: at}, "tick": events.ScheduleTicked{ScheduledAt: at},
		} {
			_, err := b.Deliver(t.Context(), Service, runtimetest.Event(id+says, p))
			if refused := says != ""; refused != runtime.IsPermanent(err) || refused && !strings.Contains(err.Error(), says) {
				t.Errorf("%s at %s: %v", id, at, err)
			}
		}
	}
}

// Invariant 5: a dataset whose waiting runs cannot be read does not hold back the others that wait.
func TestReleasingBesideABrokenDataset(t *testing.T) {
	t.Parallel()
	text := runtimetest.Shape{Dataset: "alpha", Properties: `
      - {name: thing_id, physicalName: codi, logicalType: string, required: true, primaryKey: true, primaryKeyPosition: 1, description: Code.}
      - name: municipality_code
        physicalName: codi_municipi
        logicalType: string
        description: Municipality.
        relationships:
          - {to: municipalities.municipality_id}
`}.Text()
	alpha := runtimetest.Parse(t, "alpha", text)
	b := newBench(t, alpha, runtimetest.Contract(t, "municipalities"), runtimetest.Contract(t, "population"))
	b.Put(t, lake.StateKey("alpha", "held"), []byte("{"))
	expect(t, b.ask("1", events.RunRequested{RequestedAt: runtimetest.Start}))
	b.publish("municipalities", "20250804T031500", runtimetest.Start)
	expect(t, words(t, b.release("municipalities", "20250804T031500")), "population/20250803T140512-y2023", "population/20250803T140512-y2024")
}

// Two deliveries of one request at once: the quick one finds the run held back and leaves its receipt, the slow one finds
// it free and claims the slot, but its word is not the receipt's. The publication that made it free asks for the run.
func TestAClaimThatMayNotSpeak(t *testing.T) {
	t.Parallel()
	b, _ := population(t)
	request := runtimetest.Event("1", events.RunRequested{Dataset: "population", Trigger: "manual", RequestedAt: runtimetest.Start})
	if out, err := b.Deliver(t.Context(), Service, request); err != nil || len(out) != 0 {
		t.Fatal(runtimetest.Names(out), err)
	}
	key := receiptKey(request)
	receipt := b.Lake.Snapshot()[key]
	if err := b.Lake.Delete(t.Context(), key, ""); err != nil { // the slow delivery looked before it was there
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
	expect(t, words(t, b.release("municipalities", "20250803T031500")), "population/20250803T140512-y2023", "population/20250803T140512-y2024")
}

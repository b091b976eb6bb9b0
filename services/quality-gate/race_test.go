package gate

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

// Two gates supersede the same pointer at once. The copy that the faster one's pointer names by its digest stays what it
// names, whatever the slower one does before it learns that it is too late.
func TestTheKeptPointerIsWhatItsSuccessorNames(t *testing.T) {
	t.Parallel()
	b := newBench(t, things(t))
	b.publish(candidate{slot: slot1, files: map[string]string{"": rows(3)}})
	const slot3 = "20250805T063000"
	slower, faster := b.stage(candidate{slot: slot2, files: map[string]string{"": rows(4)}}), b.stage(candidate{slot: slot3, files: map[string]string{"": rows(5)}})
	b.Clock.Set(runtimetest.Start.Add(time.Hour))
	b.Lake.Before = func(op, key string) error {
		if op == "put" && key == lake.HistoryKey("things", slot1) {
			b.Lake.Before = nil
			b.Clock.Set(runtimetest.Start.Add(2 * time.Hour))
			out, err := b.deliver(faster)
			runtimetest.Only[events.StagingPublished](t, out, err)
		}
		return nil
	}
	out, err := b.deliver(slower)
	runtimetest.Only[events.RunSuperseded](t, out, err)
	p := b.pointer()
	if p.Snapshot != slot3 || p.Previous != slot1 {
		t.Fatalf("pointer at %s after %s", p.Snapshot, p.Previous)
	}
	if _, err := lake.ReadDocument[lake.Pointer](t.Context(), b.Lake, *p.PreviousObject); err != nil {
		t.Errorf("the pointer names a copy that is not there: %v", err)
	}
}

// A gate died after the copy; before the next one comes, a person has held the pointer and let it go again.
func TestAKeptPointerThatChangedSince(t *testing.T) {
	t.Parallel()
	b := newBench(t, things(t))
	b.publish(candidate{slot: slot1, files: map[string]string{"": rows(3)}})
	w := b.stage(candidate{slot: slot2, files: map[string]string{"": rows(4)}})
	b.Ports.Failpoint = func(name string) {
		if name == "before-pointer" {
			panic(runtimetest.Crash{})
		}
	}
	if _, err := b.deliver(w); !errors.Is(err, runtimetest.ErrCrashed) {
		t.Fatal(err)
	}
	b.Ports.Failpoint = func(string) {}
	changed := b.pointer()
	changed.Attribution["note"] = "by a person"
	b.Put(t, lake.PointerKey("things"), changed)
	out, err := b.deliver(w)
	runtimetest.Only[events.StagingPublished](t, out, err)
	kept, err := lake.ReadDocument[lake.Pointer](t.Context(), b.Lake, *b.pointer().PreviousObject)
	if err != nil || kept.Attribution["note"] != "by a person" {
		t.Errorf("kept %+v (%v)", kept, err)
	}
}

// Invariant 11: a verdict that was passed before real data came does not put simulated data over them.
func TestSimulatedDataOvertakenByRealOnes(t *testing.T) {
	t.Parallel()
	b := newBench(t, things(t))
	b.Ports.AllowSimulated = true
	b.publish(candidate{slot: "20250731T063000", system: "simulator", files: map[string]string{"": rows(3)}})
	late := b.stage(candidate{slot: slot2, system: "simulator", files: map[string]string{"": rows(3)}})
	b.Ports.Failpoint = func(name string) {
		if name == "before-pointer" {
			b.Ports.Failpoint = func(string) {}
			b.publish(candidate{slot: slot1, files: map[string]string{"": rows(3)}})
		}
	}
	out, err := b.deliver(late)
	if p := runtimetest.Only[events.StagingRejected](t, out, err); !slices.Equal(codes(p.Problems), []string{"simulated_is_not_real"}) {
		t.Errorf("%+v", p)
	}
	if p := b.pointer(); p.Snapshot != slot1 || simulated(p.SourceSystem) {
		t.Errorf("published %s from %s", p.Snapshot, p.SourceSystem)
	}
}

// Two deliveries of the first slice: the quick one leaves its receipt before the last slice comes; the slow one finds the
// slot complete and moves the pointer, but its word is not the receipt's. Whoever else finds the slot published tells of
// it, or its landing would stay and what waits for it would wait for ever.
func TestAPublicationWhoseMoverMayNotSpeak(t *testing.T) {
	t.Parallel()
	for _, last := range []string{"changed", "unchanged"} {
		b := newBench(t, sliced(t))
		if last == "unchanged" {
			b.accept(year(slot1, "2023", 3), "2024")
			b.publish(year(slot1, "2024", 4))
		}
		first, second := b.stage(year(slot2, "2023", 3)), events.Payload(b.stage(year(slot2, "2024", 4)))
		if last == "unchanged" {
			second = events.ExtractionUnchanged{Run: second.(events.StagingWritten).Run}
		}
		var said []events.Event
		hear := func(out []events.Event, err error) {
			if err != nil {
				t.Fatal(err)
			}
			said = append(said, out...)
		}
		b.Ports.Failpoint = func(name string) {
			if name == "before-pointer" { // of the last slice
				b.Ports.Failpoint = func(string) {}
				// The slow delivery of the first slice began before the quick one left its receipt.
				key := lake.ReceiptKey("things", slot2+"-y2023", "quality-gate", 0)
				receipt := b.Lake.Snapshot()[key]
				if err := b.Lake.Delete(t.Context(), key, ""); err != nil {
					t.Error(err)
				}
				b.Ports.Failpoint = func(name string) {
					if name == "after-pointer" {
						b.Put(t, key, receipt)
					}
				}
				hear(b.deliver(first))
				b.Ports.Failpoint = func(string) {}
			}
		}
		hear(b.deliver(first))
		hear(b.deliver(second))
		p := b.pointer()
		if p.Snapshot != slot2 || p.RunID != slot2+"-y2023" {
			t.Fatalf("%s: the slow delivery was to move the pointer; it is at %s by %s", last, p.Snapshot, p.RunID)
		}
		var told []events.StagingPublished
		for _, e := range said {
			if p, err := events.As[events.StagingPublished](e); err == nil {
				told = append(told, p)
				if e.ID != "things/"+p.RunID+"/quality-gate/1" {
					t.Errorf("%s: told as event %s", last, e.ID)
				}
			}
		}
		if len(told) != 1 || told[0].Snapshot != slot2 || told[0].RunID != p.RunID || told[0].Slice != "2023" || len(told[0].Parts) != 2 {
			t.Errorf("%s: told %+v; heard %v", last, told, runtimetest.Names(said))
		}
	}
}

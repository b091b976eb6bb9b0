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

// TestTheKeptPointerIsTheOneNamed: two gates supersede the same pointer. The slower one must not change the copy that the faster
// one's pointer names by its digest.
func TestTheKeptPointerIsTheOneNamed(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t))
	b.publish(candidate{slot: slot1, files: map[string]string{"": rows(3)}})
	const slot3 = "20250805T063000"
	slower, faster := b.stage(
		candidate{slot: slot2, files: map[string]string{"": rows(4)}},
	), b.stage(
		candidate{slot: slot3, files: map[string]string{"": rows(5)}},
	)
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
		t.Errorf("the pointer names a copy that does not exist: %v", err)
	}
}

// TestAKeptPointerThatChangedSince: a gate crashed after it copied the pointer, and a person changed the pointer since.
func TestAKeptPointerThatChangedSince(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t))
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

// Invariant 11: real data were published after the verdict; the simulated candidate does not replace them.
func TestSimulatedDataOvertakenByRealOnes(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t))
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
	if p := b.pointer(); p.Snapshot != slot1 || p.Origin().Simulated() {
		t.Errorf("published %s from %s", p.Snapshot, p.SourceSystem)
	}
}

// TestAPublicationThatItsRunDoesNotEmit: of two deliveries of the first slice, the fast one writes its receipt before the last
// slice arrives. The slow one finds the slot complete and moves the pointer, but the receipt's events win. The last slice must
// emit the publication in its place, or the landing is never deleted and dependent requests wait forever.
func TestAPublicationThatItsRunDoesNotEmit(t *testing.T) {
	t.Parallel()
	for _, last := range []string{"changed", "unchanged"} {
		b := newTestGate(t, sliced(t))
		if last == "unchanged" {
			b.accept(year(slot1, "2023", 3), "2024")
			b.publish(year(slot1, "2024", 4))
		}
		first, second := b.stage(year(slot2, "2023", 3)), events.Payload(b.stage(year(slot2, "2024", 4)))
		if last == "unchanged" {
			second = events.ExtractionUnchanged{Run: second.(events.StagingWritten).Run}
		}
		var emitted []events.Event
		collect := func(out []events.Event, err error) {
			if err != nil {
				t.Fatal(err)
			}
			emitted = append(emitted, out...)
		}
		b.Ports.Failpoint = func(name string) {
			if name == "before-pointer" { // of the last slice
				b.Ports.Failpoint = func(string) {}
				// The slow delivery of the first slice started before the fast one wrote its receipt.
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
				collect(b.deliver(first))
				b.Ports.Failpoint = func(string) {}
			}
		}
		collect(b.deliver(first))
		collect(b.deliver(second))
		p := b.pointer()
		if p.Snapshot != slot2 || p.RunID != slot2+"-y2023" {
			t.Fatalf("%s: the slow delivery must move the pointer; it is at %s by %s", last, p.Snapshot, p.RunID)
		}
		var publications []events.StagingPublished
		for _, e := range emitted {
			if p, err := events.As[events.StagingPublished](e); err == nil {
				publications = append(publications, p)
				if e.ID != "things/"+p.RunID+"/quality-gate/1" {
					t.Errorf("%s: emitted as event %s", last, e.ID)
				}
			}
		}
		if len(publications) != 1 || publications[0].Snapshot != slot2 || publications[0].RunID != p.RunID ||
			publications[0].Slice != "2023" ||
			len(publications[0].Parts) != 2 {
			t.Errorf("%s: published %+v; emitted %v", last, publications, runtimetest.Names(emitted))
		}
	}
}

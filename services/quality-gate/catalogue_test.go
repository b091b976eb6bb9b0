package gate

import (
	"errors"
	"slices"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/catalogue/cataloguetest"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

// withTables returns a gate with a Glue catalogue.
func withTables(t *testing.T, c *contract.Contract) (*testGate, *cataloguetest.Memory) {
	b := newTestGate(t, c)
	g := &cataloguetest.Memory{Database: "db"}
	b.Ports.Catalogue = catalogue.Catalogue{
		Glue: g, Database: "db", Bucket: "data", Lake: b.Lake, Contracts: b.Ports.Contracts, Log: b.Ports.Log,
		Failpoint: func(name string) { b.Ports.Failpoint(name) },
	}
	return b, g
}

// shown returns the snapshot that the public table shows.
func shown(t *testing.T, g *cataloguetest.Memory) string {
	t.Helper()
	public := g.Table("things")
	if public == nil {
		return ""
	}
	v, err := catalogue.ReadView(*public)
	if err != nil {
		t.Fatal(err)
	}
	return v.Snapshot
}

func TestThePublicationIsEmittedAfterTheTablesFollowed(t *testing.T) {
	t.Parallel()
	b, g := withTables(t, things(t))
	b.publish(candidate{slot: slot1, files: map[string]string{"": rows(3)}})
	if got := shown(t, g); got != slot1 {
		t.Errorf("the public table shows %q", got)
	}
	b.publish(candidate{slot: slot2, files: map[string]string{"": rows(4)}})
	if got := shown(t, g); got != slot2 {
		t.Errorf("the public table shows %q", got)
	}
	calls := len(g.Calls())
	b.reject(candidate{slot: slot3, files: map[string]string{"": "[]"}})
	if got := g.Calls(); len(got) != calls {
		t.Errorf("a rejected candidate led to calls %v", got[calls:])
	}
}

// TestNothingIsEmittedWhileTheTablesAreBehind: while Glue fails, the pointer has moved and no event is emitted. The redelivery
// emits the publication after the tables have followed.
func TestNothingIsEmittedWhileTheTablesAreBehind(t *testing.T) {
	t.Parallel()
	b, g := withTables(t, things(t))
	b.publish(candidate{slot: slot1, files: map[string]string{"": rows(3)}})
	w := b.stage(candidate{slot: slot2, files: map[string]string{"": rows(4)}})
	out := errors.New("Glue is unavailable")
	g.Before = func(string, string) error { return out }
	for range 2 {
		emitted, err := b.deliver(w)
		if !errors.Is(err, out) || len(emitted) != 0 {
			t.Fatalf("emitted %v, error %v", runtimetest.Names(emitted), err)
		}
	}
	if b.pointer().Snapshot != slot2 || shown(t, g) != slot1 {
		t.Fatalf("pointer at %s, table at %s", b.pointer().Snapshot, shown(t, g))
	}
	g.Before = nil
	emitted, err := b.deliver(w)
	if p := runtimetest.Only[events.StagingPublished](t, emitted, err); p.Snapshot != slot2 || shown(t, g) != slot2 {
		t.Errorf("emitted %s, table at %s", p.Snapshot, shown(t, g))
	}
}

// TestACrashBetweenPointerAndTable crashes at each place between the swap of the pointer and the update of the table.
func TestACrashBetweenPointerAndTable(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"after-pointer", catalogue.FailpointBeforeFlip} {
		b, g := withTables(t, sliced(t))
		b.accept(year(slot1, "2023", 3), "2024")
		b.publish(year(slot1, "2024", 4))
		b.accept(year(slot2, "2023", 5), "2024")
		w := b.stage(year(slot2, "2024", 6))
		b.Ports.Failpoint = func(name string) {
			if name == point {
				panic(runtimetest.Crash{})
			}
		}
		if _, err := b.deliver(w); !errors.Is(err, runtimetest.ErrCrashed) {
			t.Fatalf("%s: %v", point, err)
		}
		b.Ports.Failpoint = func(string) {}
		if b.pointer().Snapshot != slot2 || shown(t, g) != slot1 {
			t.Errorf("%s: pointer at %s, table at %s", point, b.pointer().Snapshot, shown(t, g))
		}
		out, err := b.deliver(w)
		if err != nil || !slices.Contains(runtimetest.Names(out), "staging.published") || shown(t, g) != slot2 {
			t.Errorf("%s: emitted %v, error %v, table at %s", point, runtimetest.Names(out), err, shown(t, g))
		}
		if at := g.Locations(catalogue.TableName("things", slot2)); len(at) != 2 {
			t.Errorf("%s: partitions %v", point, at)
		}
	}
}

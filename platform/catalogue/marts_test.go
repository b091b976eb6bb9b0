package catalogue_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/catalogue/cataloguetest"
)

func TestMarts(t *testing.T) {
	t.Parallel()
	cataloguetest.Marts(t, func(*testing.T) cataloguetest.Glue {
		return cataloguetest.Glue{API: &cataloguetest.Memory{Database: "llac_test_marts"}, Database: "llac_test_marts"}
	})
}

func openMarts(t *testing.T) (*cataloguetest.MartTables, *cataloguetest.Memory) {
	t.Helper()
	g := &cataloguetest.Memory{Database: "db"}
	return cataloguetest.NewMartTables(t, cataloguetest.Glue{API: g, Database: "db"}), g
}

// TestMartsAFailureAtEachCall lets each call fail: no public table moves before every build's table exists, and following again
// updates the tables to match the pointer.
func TestMartsAFailureAtEachCall(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		for step := 1; ; step++ {
			w, g := openMarts(t)
			w.Publish(t, slot1, cataloguetest.Mart("a", slot1), cataloguetest.Mart("b", slot1))
			w.Follow(t)
			w.Publish(t, slot2, cataloguetest.Mart("a", slot2), cataloguetest.Mart("b", slot2))
			n := 0
			fail := func(string, string) error {
				if n++; n == step {
					return errDied
				}
				return nil
			}
			if after {
				g.After = fail
			} else {
				g.Before = fail
			}
			_, err := w.Marts.Follow(t.Context())
			g.Before, g.After = nil, nil
			for _, mart := range []string{"a", "b"} {
				if shown := w.Shown(t, mart); g.Table(catalogue.MartTableName(mart, shown)) == nil ||
					shown == slot2 && g.Table(catalogue.MartTableName("b", slot2)) == nil {
					t.Errorf("call %d failed: readers of %s see build %s, tables %v", step, mart, shown, g.Tables())
				}
			}
			if err == nil {
				if step < 7 { // a missing table is not an effect
					t.Errorf("only %d calls", step)
				}
				break
			}
			if !errors.Is(err, errDied) {
				t.Fatalf("step %d: %v", step, err)
			}
			w.Follow(t)
			if w.Shown(t, "a") != slot2 || w.Shown(t, "b") != slot2 {
				t.Errorf("after call %d failed (after its effect: %v) readers see %s and %s", step, after, w.Shown(t, "a"), w.Shown(t, "b"))
			}
		}
	}
}

// TestMartsASlowFollower: the pointer moves after a follower has read it (invariant 10).
func TestMartsASlowFollower(t *testing.T) {
	t.Parallel()
	w, _ := openMarts(t)
	w.Publish(t, slot1, cataloguetest.Mart("a", slot1))
	w.Follow(t)
	w.Publish(t, slot2, cataloguetest.Mart("a", slot2))
	slow, overtaken := w.Marts, false
	slow.Failpoint = func(name string) {
		if name == catalogue.FailpointBeforeFlip && !overtaken {
			overtaken = true
			w.Publish(t, cataloguetest.Slot3, cataloguetest.Mart("a", cataloguetest.Slot3), cataloguetest.Mart("b", cataloguetest.Slot3))
			w.Follow(t)
		}
	}
	if _, err := slow.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !overtaken || w.Shown(t, "a") != cataloguetest.Slot3 || w.Shown(t, "b") != cataloguetest.Slot3 {
		t.Errorf("readers see build %s", w.Shown(t, "a"))
	}
}

func TestMartsWithoutATable(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func() (events.Object, string){
		"cast it in the model":         func() (events.Object, string) { return events.Object{}, "HUGEINT" },
		"its files are in two folders": func() (events.Object, string) { return events.Object{Key: "marts/elsewhere/x.parquet"}, "" },
	} {
		w, g := openMarts(t)
		m := cataloguetest.Mart("a", slot1)
		object, kind := change()
		if kind != "" {
			m.Columns[2].Type = kind
		} else {
			m.Objects = append(m.Objects, object)
		}
		w.Publish(t, slot1, m)
		if _, err := w.Marts.Follow(t.Context()); err == nil || !strings.Contains(err.Error(), want) || len(g.Tables()) != 0 {
			t.Errorf("want %q, got %v; tables %v", want, err, g.Tables())
		}
	}
	w, _ := openMarts(t)
	w.Publish(t, slot1, cataloguetest.Mart("a", slot1))
	w.Marts.Database = "none"
	if _, err := w.Marts.Follow(t.Context()); err == nil || !strings.Contains(err.Error(), "stack storage") {
		t.Errorf("a missing database: %v", err)
	}
}

package marts_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
)

// pointerLake is a lake that holds pointers and little else.
type pointerLake struct {
	t     *testing.T
	store *laketest.Memory
}

func (p pointerLake) put(key string, v any) {
	p.t.Helper()
	if _, err := p.store.Put(p.t.Context(), key, lake.Encode(v)); err != nil {
		p.t.Fatal(err)
	}
}

// snapshot returns a pointer with one object, which exists.
func (p pointerLake) snapshot(dataset, slot, system string) *lake.Pointer {
	p.t.Helper()
	key := "staging/" + dataset + "/" + slot
	p.put(key, "rows")
	return &lake.Pointer{Dataset: dataset, Snapshot: slot, SourceSystem: system, PublishedAt: time.Date(2025, 11, 1, 6, 0, 0, 0, time.UTC),
		Parts: []lake.PointerPart{{Objects: []lake.CandidateObject{{Object: events.Object{Key: key}}}}}}
}

func (p pointerLake) plan(fullRefresh bool) (*marts.Plan, error) {
	p.t.Helper()
	return marts.ReadPlan(context.Background(), p.store, contracts(), "testdata/project", fullRefresh)
}

func slots(all []*lake.Pointer) []string {
	var out []string
	for _, p := range all {
		out = append(out, p.Snapshot)
	}
	return out
}

func TestPlanWithoutPublishedDatasets(t *testing.T) {
	t.Parallel()
	p := pointerLake{t, laketest.NewMemory()}
	if _, err := p.plan(false); !errors.Is(err, marts.ErrNothingPublished) {
		t.Errorf("got %v", err)
	}
	var none *marts.ProjectError
	_, err := marts.ReadPlan(t.Context(), p.store, contracts(), "testdata/nowhere", false)
	if !errors.As(err, &none) || !strings.Contains(err.Error(), "testdata/nowhere") {
		t.Errorf("got %v", err)
	}
}

// Invariant 11: simulated and real datasets are never combined, whichever they are.
func TestPlanRefusesToMixOrigins(t *testing.T) {
	t.Parallel()
	for _, simulated := range []string{"simulator", "unofficial:127.0.0.1"} {
		p := pointerLake{t, laketest.NewMemory()}
		p.put(lake.PointerKey("towns"), p.snapshot("towns", "20251101T040000", simulated))
		p.put(lake.PointerKey("social_services"), p.snapshot("social_services", "20251101T050000", "example.cat"))
		_, err := p.plan(false)
		var mixed *marts.MixedError
		if !errors.As(err, &mixed) || !reflect.DeepEqual(mixed, &marts.MixedError{Simulated: []string{"towns"},
			Real: []string{"social_services"}}) {
			t.Errorf("%s: got %v", simulated, err)
		}
	}
}

// TestPlanOfAnAccumulation checks which snapshots of the register the daily fact still has to take in.
func TestPlanOfAnAccumulation(t *testing.T) {
	t.Parallel()
	const one, two, three, four = "20251101T050000", "20251102T050000", "20251103T050000", "20251104T050000"
	for _, c := range []struct {
		name    string
		had     string // the last snapshot that the fact has; "": it was not built
		full    bool
		current string
		change  func(p pointerLake)
		want    []string
		last    string
		notice  string
	}{
		{name: "the first build reads all snapshots that exist", current: three, want: []string{one, two, three}},
		{name: "the next one reads what is new", had: one, current: three, want: []string{two, three}, last: one},
		{name: "nothing new", had: three, current: three, last: three},
		{name: "a full refresh", had: two, full: true, current: three, want: []string{one, two, three}},
		{name: "a swept snapshot", had: one, current: three, want: []string{three}, last: one, notice: "Snapshots " + two +
			" of social_services are no longer kept", change: func(p pointerLake) {
			old := p.snapshot("social_services", two, "simulator")
			old.SweptAt = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
			p.put(lake.HistoryKey("social_services", two), old)
		}},
		{name: "a snapshot whose objects are gone", had: one, current: three, want: []string{three}, last: one, notice: two,
			change: func(p pointerLake) {
				if err := p.store.Delete(context.Background(), "staging/social_services/"+two, ""); err != nil {
					p.t.Fatal(err)
				}
			}},
		{name: "the last one that it has is gone", had: one, current: three, want: []string{two, three}, change: func(p pointerLake) {
			if err := p.store.Delete(context.Background(), "staging/social_services/"+one, ""); err != nil {
				p.t.Fatal(err)
			}
		}},
		{name: "a snapshot of real data", had: one, current: three, want: []string{three}, last: one, change: func(p pointerLake) {
			p.put(lake.HistoryKey("social_services", two), p.snapshot("social_services", two, "example.cat"))
		}},
		{name: "a rollback", had: four, current: three, want: []string{one, two, three}, notice: "rolled back from snapshot " + four},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := pointerLake{t, laketest.NewMemory()}
			for _, slot := range []string{one, two} {
				p.put(lake.HistoryKey("social_services", slot), p.snapshot("social_services", slot, "simulator"))
			}
			p.put(lake.PointerKey("social_services"), p.snapshot("social_services", c.current, "simulator"))
			if c.had != "" {
				p.put("marts/file", "rows")
				p.put(lake.MartsPointerKey, lake.MartsPointer{Build: "20251101T060000", Models: []lake.Mart{{
					Name: "fact_service_usage_daily", SourceSystem: "simulator", Snapshots: map[string]string{"social_services": c.had},
					Objects: []events.Object{{Key: "marts/file"}},
				}}})
			}
			if c.change != nil {
				c.change(p)
			}
			plan, err := p.plan(c.full)
			if err != nil {
				t.Fatal(err)
			}
			if len(plan.Accumulations) != 1 || plan.Accumulations[0].Model != "fact_service_usage_daily" {
				t.Fatalf("got %+v", plan.Accumulations)
			}
			a, last := plan.Accumulations[0], ""
			if a.Last != nil {
				last = a.Last.Snapshot
			}
			if got := slots(a.New); !reflect.DeepEqual(got, c.want) || last != c.last {
				t.Errorf("reads %v after %q, want %v after %q", got, last, c.want, c.last)
			}
			if notices := strings.Join(plan.Notices, "\n"); !strings.Contains(notices, c.notice) || c.notice == "" && notices != "" {
				t.Errorf("notices %q, want %q", notices, c.notice)
			}
		})
	}
}

// TestUsableMarts checks that a build does not add to published marts of another origin, nor to marts whose files are gone.
func TestUsableMarts(t *testing.T) {
	t.Parallel()
	p := pointerLake{t, laketest.NewMemory()}
	p.put(lake.PointerKey("towns"), p.snapshot("towns", "20251101T040000", "example.cat"))
	p.put("marts/file", "rows")
	file := []events.Object{{Key: "marts/file"}}
	published := lake.MartsPointer{Build: "20251101T060000", Code: "test", Snapshots: map[string]string{"towns": "20251101T040000"},
		Models: []lake.Mart{
			{Name: "calendar", Objects: file}, {Name: "dim_towns", SourceSystem: "simulator", Objects: slices.Clone(file)},
		}}
	p.put(lake.MartsPointerKey, published)
	plan, err := p.plan(false)
	if err != nil || plan.Usable != nil || !strings.Contains(strings.Join(plan.Notices, ""), "are of simulated data") {
		t.Errorf("%v: usable %v, notices %v", err, plan.Usable, plan.Notices)
	}
	published.Models[1].SourceSystem, published.Project = "example.cat", plan.Project
	p.put(lake.MartsPointerKey, published)
	if plan, err = p.plan(false); err != nil || len(plan.Usable) != 2 || !plan.Current("test") || plan.Current("another") {
		t.Errorf("%v: usable %v", err, plan.Usable)
	}
	published.Models[1].Objects[0].Key = "marts/gone"
	p.put(lake.MartsPointerKey, published)
	if plan, err = p.plan(false); err != nil || len(plan.Usable) != 1 || plan.Current("test") {
		t.Errorf("%v: usable %v", err, plan.Usable)
	}
	p.put(lake.PointerKey("towns"), p.snapshot("towns", "20251102T040000", "example.cat"))
	if plan, err = p.plan(false); err != nil || plan.Current("test") {
		t.Errorf("%v: the marts of an older snapshot are called current", err)
	}
}

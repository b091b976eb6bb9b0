package marts_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
)

// pointers is a lake of pointers alone.
type pointers struct {
	t     *testing.T
	store *laketest.Memory
}

func (p pointers) put(key string, v any) {
	p.t.Helper()
	if _, err := p.store.Put(p.t.Context(), key, lake.Encode(v)); err != nil {
		p.t.Fatal(err)
	}
}

// snapshot is a pointer with one object, which is there.
func (p pointers) snapshot(dataset, slot, system string) *lake.Pointer {
	p.t.Helper()
	key := "staging/" + dataset + "/" + slot
	p.put(key, "rows")
	return &lake.Pointer{Dataset: dataset, Snapshot: slot, SourceSystem: system, PublishedAt: time.Date(2025, 11, 1, 6, 0, 0, 0, time.UTC),
		Parts: []lake.PointerPart{{Objects: []lake.CandidateObject{{Object: events.Object{Key: key}}}}}}
}

func (p pointers) plan(fullRefresh bool) (*marts.Plan, error) {
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

func TestPlanOfNothing(t *testing.T) {
	t.Parallel()
	p := pointers{t, laketest.NewMemory()}
	if _, err := p.plan(false); !errors.Is(err, marts.ErrNothingPublished) {
		t.Errorf("got %v", err)
	}
	var none *marts.ProjectError
	if _, err := marts.ReadPlan(t.Context(), p.store, contracts(), "testdata/nowhere", false); !errors.As(err, &none) || !strings.Contains(err.Error(), "testdata/nowhere") {
		t.Errorf("got %v", err)
	}
}

// Invariant 11: simulated and real datasets never meet, whichever they are.
func TestPlanRefusesToMix(t *testing.T) {
	t.Parallel()
	for _, simulated := range []string{"simulator", "unofficial:127.0.0.1"} {
		p := pointers{t, laketest.NewMemory()}
		p.put(lake.PointerKey("towns"), p.snapshot("towns", "20251101T040000", simulated))
		p.put(lake.PointerKey("social_services"), p.snapshot("social_services", "20251101T050000", "example.cat"))
		_, err := p.plan(false)
		var mixed *marts.MixedError
		if !errors.As(err, &mixed) || !reflect.DeepEqual(mixed, &marts.MixedError{Simulated: []string{"towns"}, Real: []string{"social_services"}}) {
			t.Errorf("%s: got %v", simulated, err)
		}
	}
}

// TestPlanOfTheDailyFact: which snapshots of the register the fact has not yet.
func TestPlanOfTheDailyFact(t *testing.T) {
	t.Parallel()
	const one, two, three, four = "20251101T050000", "20251102T050000", "20251103T050000", "20251104T050000"
	for _, c := range []struct {
		name    string
		had     string // the fact's last snapshot; "": not built
		full    bool
		current string
		change  func(p pointers)
		want    []string
		last    string
		notice  string
	}{
		{name: "the first build reads all that are kept", current: three, want: []string{one, two, three}},
		{name: "the next only what is new", had: one, current: three, want: []string{two, three}, last: one},
		{name: "nothing new", had: three, current: three, last: three},
		{name: "made anew", had: two, full: true, current: three, want: []string{one, two, three}},
		{name: "one was swept", had: one, current: three, want: []string{three}, last: one, notice: two + " are no longer kept", change: func(p pointers) {
			old := p.snapshot("social_services", two, "simulator")
			old.SweptAt = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
			p.put(lake.HistoryKey("social_services", two), old)
		}},
		{name: "the objects of one are gone", had: one, current: three, want: []string{three}, last: one, notice: two, change: func(p pointers) {
			if err := p.store.Delete(context.Background(), "staging/social_services/"+two, ""); err != nil {
				p.t.Fatal(err)
			}
		}},
		{name: "the last that it had is gone", had: one, current: three, want: []string{two, three}, change: func(p pointers) {
			if err := p.store.Delete(context.Background(), "staging/social_services/"+one, ""); err != nil {
				p.t.Fatal(err)
			}
		}},
		{name: "one was of real data", had: one, current: three, want: []string{three}, last: one, change: func(p pointers) {
			p.put(lake.HistoryKey("social_services", two), p.snapshot("social_services", two, "example.cat"))
		}},
		{name: "the register was taken back", had: four, current: three, want: []string{one, two, three}, notice: "taken back from snapshot " + four},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := pointers{t, laketest.NewMemory()}
			for _, slot := range []string{one, two} {
				p.put(lake.HistoryKey("social_services", slot), p.snapshot("social_services", slot, "simulator"))
			}
			p.put(lake.PointerKey("social_services"), p.snapshot("social_services", c.current, "simulator"))
			if c.had != "" {
				p.put("marts/file", "rows")
				p.put(lake.MartsPointerKey, lake.MartsPointer{Build: "20251101T060000", Models: []lake.Mart{{
					Name: "fact_service_usage_daily", SourceSystem: "simulator", Snapshots: map[string]string{"social_services": c.had}, Objects: []events.Object{{Key: "marts/file"}},
				}}})
			}
			if c.change != nil {
				c.change(p)
			}
			plan, err := p.plan(c.full)
			if err != nil {
				t.Fatal(err)
			}
			last := ""
			if plan.Last != nil {
				last = plan.Last.Snapshot
			}
			if got := slots(plan.Daily); !reflect.DeepEqual(got, c.want) || last != c.last {
				t.Errorf("reads %v after %q, want %v after %q", got, last, c.want, c.last)
			}
			if said := strings.Join(plan.Notices, "\n"); !strings.Contains(said, c.notice) || c.notice == "" && said != "" {
				t.Errorf("says %q, want %q", said, c.notice)
			}
		})
	}
}

// TestPlanGoesOnOnlyFromItsLike: published marts are no beginning when they are of the other kind, or gone.
func TestPlanGoesOnOnlyFromItsLike(t *testing.T) {
	t.Parallel()
	p := pointers{t, laketest.NewMemory()}
	p.put(lake.PointerKey("towns"), p.snapshot("towns", "20251101T040000", "example.cat"))
	p.put("marts/file", "rows")
	published := lake.MartsPointer{Build: "20251101T060000", Code: "test", Snapshots: map[string]string{"towns": "20251101T040000"}, Models: []lake.Mart{
		{Name: "calendar", Objects: []events.Object{{Key: "marts/file"}}}, {Name: "dim_towns", SourceSystem: "simulator", Objects: []events.Object{{Key: "marts/file"}}},
	}}
	p.put(lake.MartsPointerKey, published)
	plan, err := p.plan(false)
	if err != nil || plan.Usable != nil || !strings.Contains(strings.Join(plan.Notices, ""), "are of simulated data") {
		t.Errorf("%v: goes on from %v, says %v", err, plan.Usable, plan.Notices)
	}
	published.Models[1].SourceSystem, published.Project = "example.cat", plan.Project
	p.put(lake.MartsPointerKey, published)
	if plan, err = p.plan(false); err != nil || len(plan.Usable) != 2 || !plan.Current("test") || plan.Current("another") {
		t.Errorf("%v: goes on from %v", err, plan.Usable)
	}
	published.Models[1].Objects[0].Key = "marts/gone"
	p.put(lake.MartsPointerKey, published)
	if plan, err = p.plan(false); err != nil || len(plan.Usable) != 1 || plan.Current("test") {
		t.Errorf("%v: goes on from %v", err, plan.Usable)
	}
	p.put(lake.PointerKey("towns"), p.snapshot("towns", "20251102T040000", "example.cat"))
	if plan, err = p.plan(false); err != nil || plan.Current("test") {
		t.Errorf("%v: the marts are said to be of the newest snapshot", err)
	}
}

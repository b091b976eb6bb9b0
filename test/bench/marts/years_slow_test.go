//go:build slow

package marts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/python"
)

// TestYears creates a few years and checks what a build would read.
func TestYears(t *testing.T) {
	t.Parallel()
	engine, err := duckdb.Open(t.Context(), io.Discard)
	var none *python.NoPythonError
	if errors.As(err, &none) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	w, err := newBenchLake(t.Context(), t.TempDir(), "../../../datasets", engine)
	if err != nil {
		t.Fatal(err)
	}
	days := registerDays(1)
	if len(days) != 13 || days[12].Sub(days[0]).Hours() != 365*24 {
		t.Fatalf("days of one year of the register: %v", days)
	}
	for _, do := range []func(context.Context) error{
		func(ctx context.Context) error { return w.publishPopulation(ctx, 2) },
		func(ctx context.Context) error { return w.publishServices(ctx, days[:2], 0) },
		func(ctx context.Context) error { return w.publishServices(ctx, days[2:3], 2) },
	} {
		if err := do(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	current := map[string]*lake.Pointer{}
	err = w.within(t.Context(), func(store lake.Store) error {
		for _, dataset := range []string{population, services} {
			if current[dataset], _, err = lake.ReadPointer(t.Context(), store, dataset); err != nil {
				return err
			}
		}
		for _, day := range days[:2] {
			if old, err := lake.ReadHistory(t.Context(), store, services, lake.Slot(day.Add(hour))); err != nil || old == nil {
				t.Errorf("the snapshot of %s is not in the history: %v", day, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	read := func(dataset, query string) string {
		t.Helper()
		from := ledger.Exact(current[dataset], w.contracts[dataset], func(key string) string { return pipeline.Place(w.dir, key) })
		rows, err := engine.Run(t.Context(), duckdb.Job{Query: fmt.Sprintf(query, "("+from+")")})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(rows.Values)
	}
	if got := read(population, "select count(distinct year), count(distinct municipality_id) filter (population is not null) "+
		"from %s"); got != "[[3 947]]" {
		t.Errorf("years and municipalities of the population: %s", got)
	}
	if got := read(population, "select count(*) from (select year, sex from %s group by all having sum(population) <> 2 * "+
		"max(population))"); got != "[[0]]" {
		t.Errorf("for %s pairs of year and sex the municipalities do not add up to the total", got)
	}
	if got := read(services, "select count(*) - count(distinct social_service_register_id) from %s"); got != "[[0]]" {
		t.Errorf("%s services occur twice in a snapshot", got)
	}
	if got := read(services, "select count(distinct (municipality_id, service_type_name, service_qualification_name)) between "+
		"10000 and 13000 from %s"); got != "[[true]]" {
		t.Error("a day of the register has the wrong number of rows")
	}
}

//go:build trino && unix

package trino

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/platform/local/python"
)

// Folders of the datasets' contracts and of the dbt project.
const (
	contracts = "../../datasets"
	project   = "../../dbt"
)

// TestMarts builds the marts on DuckDB and on Trino from the same snapshots, twice. Between the builds the register and the
// list of municipalities change: once on the first day, whose rows are then replaced, and once three days later. After each
// build the project's own tests pass on both engines; every snapshot, published mart and model has the same columns, types
// and rows on both; and dbt-athena compiles the statements that Trino ran.
func TestMarts(t *testing.T) {
	t.Parallel()
	sim := newSimulation(t)
	sim.engine.trino = startTrino(t)
	sim.engine.cloud = newCloud(t)

	sim.setClock(3 * day)
	sim.run()
	first := sim.build()
	sim.change(0)
	sim.run()
	sim.change(1)
	sim.setClock(0)
	sim.run()
	second := sim.build()

	if n := sim.value("SELECT count(DISTINCT service_date) FROM {fact_service_usage_daily}", second); n != "4" {
		t.Errorf("the daily fact has %s days, want 4: from two snapshots, three days apart", n)
	}
	if n := sim.value("SELECT count(*) FROM {fact_service_usage_daily} WHERE is_observed AND closed_services > 0", second); n == "0" {
		t.Error("the daily fact has no closed service, but the register lost many")
	}
	if n := sim.value("SELECT count(*) FROM {dim_municipalities} WHERE municipality_id = '080898'", second); n != "2" {
		t.Errorf("Gavà has %s versions, want 2: it moved to another comarca", n)
	}
	for _, m := range first.Marts.Models {
		if second.Marts.Mart(m.Name) == nil {
			t.Errorf("the second build lacks %s", m.Name)
		}
	}
	if len(first.Marts.Models) < 8 {
		t.Errorf("only %d marts were built", len(first.Marts.Models))
	}
}

const day = 24 * time.Hour

// simulation is a lake filled from a simulated portal on several simulated days, and the engine that builds its marts.
type simulation struct {
	t      *testing.T
	dir    string
	portal *portal.Portal
	clock  *delayedClock
	engine *mirror
}

// delayedClock is a clock behind the machine's, so that one test covers several days.
type delayedClock struct{ behind time.Duration }

func (c *delayedClock) Now() time.Time { return time.Now().UTC().Add(-c.behind) }

// Sleep waits for at most 5 milliseconds.
func (*delayedClock) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(min(d, 5*time.Millisecond)):
		return nil
	}
}

func newSimulation(t *testing.T) *simulation {
	t.Helper()
	e, err := python.Ensure(t.Context(), "marts-trino", Requirements(), os.Stderr)
	var missing *python.NoPythonError
	if errors.As(err, &missing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	sim := &simulation{t: t, dir: t.TempDir(), portal: portal.New(portal.Options{}), clock: &delayedClock{}}
	sim.engine = &mirror{t: t, DuckDB: marts.DuckDB{
		Engine: duckdb.Engine{Environment: e},
		Place:  func(key string) string { return pipeline.Place(sim.dir, key) },
	}}
	if err := sim.portal.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.portal.Close)
	return sim
}

// setClock sets how far the clock is behind the machine's.
func (sim *simulation) setClock(behind time.Duration) { sim.clock.behind = behind }

// run runs every dataset until it is published or unchanged.
func (sim *simulation) run() {
	sim.t.Helper()
	result, err := pipeline.Run(sim.t.Context(), pipeline.Options{
		Settings:  pipeline.Settings{Dir: sim.dir, Simulator: sim.portal, Clock: sim.clock, Note: "test-trino"},
		Contracts: contracts, Timeout: 5 * time.Minute, By: "test-trino",
	})
	if err != nil {
		sim.t.Fatalf("run the pipeline: %v", err)
	}
	for _, d := range result.Datasets {
		if d.State != ledger.Published && d.State != ledger.Unchanged {
			sim.t.Fatalf("%s ended as %s; want published or unchanged", d.Dataset, d.State)
		}
	}
}

// build builds the marts from the published snapshots.
func (sim *simulation) build() marts.Outcome {
	sim.t.Helper()
	cloud, err := pipeline.Look(sim.t.Context(), sim.dir)
	if err != nil {
		sim.t.Fatal(err)
	}
	defer cloud.Close()
	all, err := contract.LoadDir(contracts)
	if err != nil {
		sim.t.Fatal(err)
	}
	out, err := marts.Build(sim.t.Context(), marts.Options{
		Store: cloud.Lake(), Engine: sim.engine, Contracts: all, Project: project, Folder: sim.t.TempDir(),
		Clock: sim.clock, By: "test-trino",
		Notice: func(s string) { sim.t.Log(s) },
	})
	if err != nil {
		sim.t.Fatalf("build the marts: %v", err)
	}
	return out
}

// value returns the first value of a query on the published marts of an outcome; {name} stands for a mart.
func (sim *simulation) value(query string, outcome marts.Outcome) string {
	sim.t.Helper()
	for _, m := range outcome.Marts.Models {
		query = strings.ReplaceAll(query, "{"+m.Name+"}", "("+marts.Query(m, sim.engine.Place)+")")
	}
	rows, err := sim.engine.Run(sim.t.Context(), duckdb.Job{Query: query})
	if err != nil {
		sim.t.Fatal(err)
	}
	return fmt.Sprint(rows.Values[0][0])
}

// change makes the portal publish that services close, open and grow, and that a municipality moves to another comarca. It
// can be called several times, each time with another nth.
func (sim *simulation) change(nth int) {
	sim.t.Helper()
	err := sim.portal.Republish(portal.RegisterID, func(rows []portal.Row) []portal.Row {
		rows = slices.Delete(rows, 100, 160)
		for i := range 20 {
			opened := maps.Clone(rows[i])
			opened["registre"] = fmt.Sprintf("S99%03d", 20*nth+i)
			rows = append(rows, opened)
		}
		for i := 200; i < 230; i++ {
			rows[i]["capacitat"] = fmt.Sprint(77 + nth)
		}
		return rows
	})
	if err != nil {
		sim.t.Fatal(err)
	}
	err = sim.portal.Republish(portal.MunicipalitiesID, func(rows []portal.Row) []portal.Row {
		of := func(id string) portal.Row {
			return rows[slices.IndexFunc(rows, func(r portal.Row) bool { return r["codi"] == id })]
		}
		gavà, barcelona := of("080898"), of("080193")
		gavà["codi_comarca"], gavà["nom_comarca"] = barcelona["codi_comarca"], barcelona["nom_comarca"]
		return rows
	})
	if err != nil {
		sim.t.Fatal(err)
	}
}

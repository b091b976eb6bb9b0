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

// contracts is the folder of the datasets' contracts, project that of the dbt project.
const (
	contracts = "../../datasets"
	project   = "../../dbt"
)

// TestMarts builds the marts on DuckDB and on Trino from the same snapshots, and again, three days later, when the register
// and the list of municipalities have changed: once more on the first day, whose rows are then replaced, and once on the
// last. Each time the project's own tests pass on both, every snapshot,
// published mart and model has the same columns, types and rows on both, and dbt-athena compiles what Trino ran.
func TestMarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.trino = startTrino(t)
	w.engine.cloud = newCloud(t)

	w.pass(3 * day)
	w.run()
	first := w.build()
	w.change(0)
	w.run()
	w.change(1)
	w.pass(0)
	w.run()
	second := w.build()

	if n := w.count("SELECT count(DISTINCT service_date) FROM {fact_service_usage_daily}", second); n != "4" {
		t.Errorf("the daily fact has %s days, want 4: snapshots of two, three days apart", n)
	}
	if n := w.count("SELECT count(*) FROM {fact_service_usage_daily} WHERE is_observed AND closed_services > 0", second); n == "0" {
		t.Error("the daily fact has no closed service, though many were struck off the register")
	}
	if n := w.count("SELECT count(*) FROM {dim_municipalities} WHERE municipality_id = '080898'", second); n != "2" {
		t.Errorf("Gavà has %s versions, want 2: it has moved to another comarca", n)
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

// world is a lake that a simulated portal's changes flow into, a day at a time, and the engine that builds marts of it.
type world struct {
	t      *testing.T
	dir    string
	portal *portal.Portal
	clock  *passing
	engine *mirror
}

// passing is a clock that runs a while behind the machine's, so that one test sees several days.
type passing struct{ behind time.Duration }

func (c *passing) Now() time.Time { return time.Now().UTC().Add(-c.behind) }

func (*passing) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(min(d, 5*time.Millisecond)):
		return nil
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	e, err := python.Ensure(t.Context(), "marts-trino", Requirements(), os.Stderr)
	var missing *python.NoPythonError
	if errors.As(err, &missing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: t.TempDir(), portal: portal.New(portal.Options{}), clock: &passing{}}
	w.engine = &mirror{t: t, DuckDB: marts.DuckDB{Engine: duckdb.Engine{Environment: e}, Place: func(key string) string { return pipeline.Place(w.dir, key) }}}
	if err := w.portal.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.portal.Close)
	return w
}

// pass sets the clock so far behind the machine's.
func (w *world) pass(behind time.Duration) { w.clock.behind = behind }

// run runs every dataset to its end.
func (w *world) run() {
	w.t.Helper()
	result, err := pipeline.Run(w.t.Context(), pipeline.Options{
		Settings:  pipeline.Settings{Dir: w.dir, Simulator: w.portal, Clock: w.clock, Note: "test-trino"},
		Contracts: contracts, Timeout: 5 * time.Minute, By: "test-trino",
	})
	if err != nil {
		w.t.Fatalf("run the pipeline: %v", err)
	}
	for _, d := range result.Datasets {
		if d.State != ledger.Published && d.State != ledger.Unchanged {
			w.t.Fatalf("%s was not published but %s", d.Dataset, d.State)
		}
	}
}

// build builds the marts of what is published.
func (w *world) build() marts.Outcome {
	w.t.Helper()
	cloud, err := pipeline.Look(w.t.Context(), w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	defer cloud.Close()
	all, err := contract.LoadDir(contracts)
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := marts.Build(w.t.Context(), marts.Options{
		Store: cloud.Lake(), Engine: w.engine, Contracts: all, Project: project, Folder: w.t.TempDir(), Clock: w.clock, By: "test-trino",
		Notice: func(s string) { w.t.Log(s) },
	})
	if err != nil {
		w.t.Fatalf("build the marts: %v", err)
	}
	return out
}

// count answers one value of the published marts; {name} stands for a mart.
func (w *world) count(query string, of marts.Outcome) string {
	w.t.Helper()
	for _, m := range of.Marts.Models {
		query = strings.ReplaceAll(query, "{"+m.Name+"}", "("+marts.Query(m, w.engine.Place)+")")
	}
	rows, err := w.engine.Run(w.t.Context(), duckdb.Job{Query: query})
	if err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprint(rows.Values[0][0])
}

// change has services close, open and grow, and a municipality move to another comarca. It may be said several times.
func (w *world) change(nth int) {
	w.t.Helper()
	err := w.portal.Republish(portal.RegisterID, func(rows []portal.Row) []portal.Row {
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
		w.t.Fatal(err)
	}
	err = w.portal.Republish(portal.MunicipalitiesID, func(rows []portal.Row) []portal.Row {
		of := func(id string) portal.Row {
			return rows[slices.IndexFunc(rows, func(r portal.Row) bool { return r["codi"] == id })]
		}
		gavà, barcelona := of("080898"), of("080193")
		gavà["codi_comarca"], gavà["nom_comarca"] = barcelona["codi_comarca"], barcelona["nom_comarca"]
		return rows
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

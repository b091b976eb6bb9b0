//go:build trino

package trino

import (
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/llac-project/llac/cmd/llac/duckdb"
	"github.com/llac-project/llac/platform/local/portal"
)

// TestMarts builds the marts on Trino and on DuckDB from the same snapshots, and again, three days later, from those of a
// register and a list of municipalities that have changed. Each time all tests of the project pass on both, and every
// model, seeds and views included, has the same columns, types and rows.
func TestMarts(t *testing.T) {
	t.Parallel()
	e := newEngines(t)
	w := newWorld(t)
	first := w.snapshots(3 * day)
	w.change()
	second := w.snapshots(0)

	onDuckDB, onTrino := e.projects(t.TempDir())
	e.do("CREATE SCHEMA work", "CREATE SCHEMA published")
	if _, err := e.trino.Query(t.Context(), "CREATE SCHEMA staging"); err != nil {
		t.Fatal(err)
	}
	e.stage(first)
	e.stage(changed(first, second))

	build := func(vars map[string]any) (models []Node) {
		t.Helper()
		results := map[string]map[string]string{}
		for _, p := range []*Project{onDuckDB, onTrino} {
			p.Vars = vars
			start := time.Now()
			if err := p.Run(t.Context(), "build"); err != nil {
				t.Fatal(err)
			}
			var err error
			if results[p.Target], err = p.Results(); err != nil {
				t.Fatal(err)
			}
			t.Logf("built on %s in %.0f s: %d nodes", p.Target, time.Since(start).Seconds(), len(results[p.Target]))
		}
		if !maps.Equal(results[onDuckDB.Target], results[onTrino.Target]) {
			t.Errorf("the builds differ: on DuckDB %v, on Trino %v", results[onDuckDB.Target], results[onTrino.Target])
		}
		models, err := onDuckDB.Nodes()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range models {
			e.same(m.Relation())
		}
		return models
	}

	vars := map[string]any{
		"build_date": first[register].day(), "snapshots": ids(first), "service_snapshots": []string{first[register].Pointer.Snapshot},
	}
	var published []string
	for _, m := range build(vars) {
		if m.IsMart() {
			published = append(published, m.Name)
			e.do(fmt.Sprintf("CREATE TABLE published.%s AS SELECT * FROM %s", duckdb.Name(m.Alias), m.Relation()))
		}
	}
	if len(published) < 8 {
		t.Errorf("only %d marts were built: %v", len(published), published)
	}
	build(map[string]any{
		"build_date": second[register].day(), "snapshots": ids(second), "published_models": published,
		"service_snapshots": []string{second[register].Pointer.Snapshot}, "previous_service_snapshot": first[register].Pointer.Snapshot,
	})

	// What grows has grown, by the days between too, and kept what it had.
	count := func(query string) string {
		rows, err := e.duckdb.Run(t.Context(), duckdb.Job{Database: e.file, ReadOnly: true, Query: query})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(rows.Values[0][0])
	}
	if n := count("SELECT count(DISTINCT service_date) FROM work.fact_service_usage_daily"); n != "4" {
		t.Errorf("the daily fact has %s days, want 4: two snapshots, three days apart", n)
	}
	if n := count("SELECT count(*) FROM published.fact_service_usage_daily ANTI JOIN work.fact_service_usage_daily USING (service_usage_key)"); n != "0" {
		t.Errorf("the second build lost %s rows of the first", n)
	}
	if n := count("SELECT count(*) FROM work.dim_municipalities ANTI JOIN published.dim_municipalities USING (municipality_key)"); n == "0" {
		t.Error("no municipality has a new version, though one has moved to another comarca")
	}
}

const day = 24 * time.Hour

// register is the dataset of which the marts read several snapshots.
const register = "social_services"

// day is the day of a snapshot.
func (s Snapshot) day() string {
	at, err := time.Parse("20060102T150405", s.Pointer.Snapshot)
	if err != nil {
		return err.Error()
	}
	return at.Format(time.DateOnly)
}

func ids(snapshots map[string]Snapshot) map[string]string {
	out := map[string]string{}
	for name, s := range snapshots {
		out[name] = s.Pointer.Snapshot
	}
	return out
}

// changed are the snapshots that are not among those before.
func changed(before, after map[string]Snapshot) map[string]Snapshot {
	out := maps.Clone(after)
	maps.DeleteFunc(out, func(name string, s Snapshot) bool { return before[name].Pointer.Snapshot == s.Pointer.Snapshot })
	return out
}

// change has services close, open and grow, and a municipality move to another comarca.
func (w *world) change() {
	w.t.Helper()
	err := w.portal.Republish(portal.RegisterID, func(rows []portal.Row) []portal.Row {
		rows = slices.Delete(rows, 100, 160)
		for i := range 20 {
			opened := maps.Clone(rows[i])
			opened["registre"] = fmt.Sprintf("S9%04d", 9900+i)
			rows = append(rows, opened)
		}
		for i := 200; i < 230; i++ {
			rows[i]["capacitat"] = "77"
		}
		return rows
	})
	if err != nil {
		w.t.Fatal(err)
	}
	err = w.portal.Republish(portal.MunicipalitiesID, func(rows []portal.Row) []portal.Row {
		// Gavà goes from the Baix Llobregat to the Barcelonès.
		var barcelona portal.Row
		for _, r := range rows {
			if r["codi"] == "080193" {
				barcelona = r
			}
		}
		for _, r := range rows {
			if r["codi"] == "080898" {
				r["codi_comarca"], r["nom_comarca"] = barcelona["codi_comarca"], barcelona["nom_comarca"]
			}
		}
		return rows
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// projects are the dbt project on both engines.
func (e *engines) projects(out string) (onDuckDB, onTrino *Project) {
	e.t.Helper()
	address, err := url.Parse(e.trino.Address)
	if err != nil {
		e.t.Fatal(err)
	}
	onDuckDB = &Project{Environment: e.duckdb.Environment, Dir: project, Target: "duckdb", Out: filepath.Join(out, "duckdb"), Settings: []string{"LLAC_MARTS_DATABASE=" + e.file}}
	onTrino = &Project{Environment: e.duckdb.Environment, Dir: project, Target: "trino", Out: filepath.Join(out, "trino"), Settings: []string{
		"LLAC_TRINO_HOST=" + address.Hostname(), "LLAC_TRINO_PORT=" + address.Port(), "LLAC_TRINO_CATALOG=" + Catalog,
	}}
	return onDuckDB, onTrino
}

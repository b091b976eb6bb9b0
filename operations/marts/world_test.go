package marts_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/arrowschema"
	"github.com/llac-project/llac/platform/contract/dbtsource"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/local/python"
)

// noon is a clock that stands still until a test moves it.
type noon struct{ at time.Time }

func (n *noon) Now() time.Time                                   { return n.at }
func (n *noon) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func (n *noon) pass(d time.Duration) { n.at = n.at.Add(d) }

// contracts are the two datasets of the small project.
func contracts() []*contract.Contract {
	text := func(name string) contract.Field {
		return contract.Field{Name: name, Type: contract.Text, Staged: true, Description: "Column " + name + "."}
	}
	places := text("places")
	places.Type = contract.Integer
	return []*contract.Contract{
		{
			Dataset: "social_services", Title: "Services", Grain: "One row per service.", Purpose: "For tests.", Licence: "CC0", Attribution: "Source: the register.",
			Source: contract.Source{Kind: "socrata", ID: "ssss-ssss"}, Key: []string{"service_id"}, Partition: []string{"district_id"}, SLA: contract.SLA{Freshness: 240 * time.Hour},
			Fields: []contract.Field{text("service_id"), text("town_id"), places, text("district_id")},
		},
		{
			Dataset: "towns", Title: "Towns", Grain: "One row per town.", Purpose: "For tests.", Licence: "CC0", Attribution: "Source: the list.",
			Source: contract.Source{Kind: "socrata", ID: "tttt-tttt"}, Key: []string{"town_id"}, SLA: contract.SLA{Freshness: 240 * time.Hour},
			Fields: []contract.Field{text("town_id"), text("town_name")},
		},
	}
}

// world is a lake with a small dbt project.
type world struct {
	t         *testing.T
	dir       string
	store     lake.Store
	engine    marts.DuckDB
	contracts []*contract.Contract
	project   string
	clock     *noon
	notices   []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	e, err := duckdb.Open(t.Context(), io.Discard)
	var none *python.NoPythonError
	if errors.As(err, &none) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cloud, err := aws.Start(context.Background(), aws.Options{Dir: dir, Buckets: []string{pipeline.DataBucket}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() })
	w := &world{
		t: t, dir: dir, contracts: contracts(), project: filepath.Join(t.TempDir(), "dbt"), clock: &noon{time.Date(2025, 11, 3, 12, 0, 0, 0, time.UTC)},
		engine: marts.DuckDB{Engine: e, Place: func(key string) string { return pipeline.Place(dir, key) }},
	}
	w.store = lake.NewS3(cloud.Config(), pipeline.DataBucket, w.clock)
	if err := os.CopyFS(w.project, os.DirFS("testdata/project")); err != nil {
		t.Fatal(err)
	}
	if _, err := dbtsource.Write(w.project, w.contracts); err != nil {
		t.Fatal(err)
	}
	return w
}

// stage publishes a snapshot of a dataset: rows as SQL values of the contract's columns, those of partitions left out.
func (w *world) stage(dataset, slot, system string, rows ...string) {
	w.t.Helper()
	c := w.contract(dataset)
	var columns, lineage []string
	for _, f := range arrowschema.Columns(c) {
		columns = append(columns, f.Name)
	}
	for _, l := range arrowschema.LineageColumns {
		value := l.Name
		switch l.Name {
		case "source_system":
			value = system
		case "data_origin":
			value = "invented"
			if system != "simulator" {
				value = "published"
			}
		}
		lineage = append(lineage, duckdb.Text(value)+" as "+l.Name)
	}
	file := filepath.Join(w.t.TempDir(), "rows.parquet")
	query := fmt.Sprintf("copy (select *, %s from (values %s) as t(%s)) to %s (format parquet)", strings.Join(lineage, ", "), strings.Join(rows, ", "), strings.Join(columns, ", "), duckdb.Text(file))
	if _, err := w.engine.Run(w.t.Context(), duckdb.Job{Statements: []string{query}}); err != nil {
		w.t.Fatal(err)
	}
	body, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	var partition []lake.PartitionValue
	for _, name := range c.Partition {
		partition = append(partition, lake.PartitionValue{Column: name, Value: "01"})
	}
	info, err := w.store.Put(w.t.Context(), lake.StagingKey(dataset, slot, "a", partition), body)
	if err != nil {
		w.t.Fatal(err)
	}
	w.point(lake.Pointer{
		Dataset: dataset, Snapshot: slot, RunID: slot, PublishedAt: w.clock.Now(), SourceSystem: system, Rows: int64(len(rows)),
		Attribution: map[string]string{"attribution": c.Attribution, "licence": c.Licence, "source": "https://example.cat " + c.Source.ID, "updated": slot[:4] + "-" + slot[4:6] + "-" + slot[6:8]},
		Parts:       []lake.PointerPart{{PublishedPart: events.PublishedPart{}, Objects: []lake.CandidateObject{{Object: info.Object(), Partition: partition, Rows: int64(len(rows))}}}},
	})
}

func (w *world) contract(dataset string) *contract.Contract {
	for _, c := range w.contracts {
		if c.Dataset == dataset {
			return c
		}
	}
	w.t.Fatalf("no contract of %s", dataset)
	return nil
}

// point makes a pointer current and the one before it history.
func (w *world) point(p lake.Pointer) {
	w.t.Helper()
	old, etag, err := lake.ReadPointer(w.t.Context(), w.store, p.Dataset)
	if err != nil {
		w.t.Fatal(err)
	}
	if old != nil {
		p.Previous = old.Snapshot
		if _, err := w.store.Put(w.t.Context(), lake.HistoryKey(p.Dataset, old.Snapshot), lake.Encode(old)); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := w.store.CompareAndSwap(w.t.Context(), lake.PointerKey(p.Dataset), lake.Encode(p), etag); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) options() marts.Options {
	return marts.Options{
		Store: w.store, Engine: w.engine, Contracts: w.contracts, Project: w.project, Folder: filepath.Join(w.dir, "marts"), Clock: w.clock, Code: "test",
		By: "a test", Notice: func(s string) { w.notices = append(w.notices, s) },
	}
}

// build builds and expects that it works.
func (w *world) build(change ...func(*marts.Options)) marts.Outcome {
	w.t.Helper()
	o := w.options()
	for _, c := range change {
		c(&o)
	}
	out, err := marts.Build(w.t.Context(), o)
	if err != nil {
		if out.Record != nil && out.Record.Failure != nil {
			w.t.Logf("%+v", out.Record.Failure)
		}
		w.t.Fatal(err)
	}
	return out
}

// rows reads a published mart.
func (w *world) rows(model, columns string) string {
	w.t.Helper()
	p, _, err := lake.ReadMartsPointer(w.t.Context(), w.store)
	if err != nil || p.Mart(model) == nil {
		w.t.Fatalf("%s is not published: %v", model, err)
	}
	rows, err := w.engine.Run(w.t.Context(), duckdb.Job{Query: "select " + columns + " from (" + marts.Query(*p.Mart(model), w.engine.Place) + ")"})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, row := range rows.Values {
		out = append(out, strings.Trim(fmt.Sprint(row), "[]"))
	}
	return strings.Join(out, "\n")
}

// two stages two towns and a register of theirs.
func (w *world) two() {
	w.t.Helper()
	w.stage("towns", "20251101T040000", "simulator", "('080193', 'Barcelona')", "('170792', 'Girona')")
	w.stage("social_services", "20251101T050000", "simulator", "('S1', '080193', 10)", "('S2', '080193', 5)", "('S3', '170792', 7)")
}

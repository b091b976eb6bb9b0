package marts_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
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

// testClock stands still until a test advances it.
type testClock struct{ at time.Time }

func (c *testClock) Now() time.Time                                   { return c.at }
func (c *testClock) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func (c *testClock) advance(d time.Duration) { c.at = c.at.Add(d) }

// contracts returns the contracts of the test project's two datasets.
func contracts() []*contract.Contract {
	text := func(name string) contract.Field {
		return contract.Field{Name: name, Type: contract.Text, Staged: true, Description: "Column " + name + "."}
	}
	places := text("places")
	places.Type = contract.Integer
	return []*contract.Contract{
		{
			Dataset: "social_services", Title: "Services", Grain: "One row per service.", Purpose: "For tests.", Licence: "CC0",
			Attribution: "Source: the register.",
			Source:      contract.Source{Kind: "socrata", ID: "ssss-ssss"}, Key: []string{"service_id"}, Partition: []string{"district_id"},
			SLA:    contract.SLA{Freshness: 240 * time.Hour},
			Fields: []contract.Field{text("service_id"), text("town_id"), places, text("district_id")},
		},
		{
			Dataset: "towns", Title: "Towns", Grain: "One row per town.", Purpose: "For tests.", Licence: "CC0",
			Attribution: "Source: the list.",
			Source:      contract.Source{Kind: "socrata", ID: "tttt-tttt"}, Key: []string{"town_id"},
			SLA:    contract.SLA{Freshness: 240 * time.Hour},
			Fields: []contract.Field{text("town_id"), text("town_name")},
		},
	}
}

// projectLake is a lake and a small dbt project that builds marts from it.
type projectLake struct {
	t         *testing.T
	dir       string
	store     lake.Store
	engine    marts.DuckDB
	contracts []*contract.Contract
	project   string
	clock     *testClock
	notices   []string
	earlier   bool // stage writes files with the lineage columns of an earlier build
}

func newProjectLake(t *testing.T) *projectLake {
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
	l := &projectLake{
		t: t, dir: dir, contracts: contracts(), project: filepath.Join(t.TempDir(), "dbt"),
		clock:  &testClock{time.Date(2025, 11, 3, 12, 0, 0, 0, time.UTC)},
		engine: marts.DuckDB{Engine: e, Place: func(key string) string { return pipeline.Place(dir, key) }},
	}
	l.store = lake.NewS3(cloud.Config(), pipeline.DataBucket, l.clock)
	if err := os.CopyFS(l.project, os.DirFS("testdata/project")); err != nil {
		t.Fatal(err)
	}
	if _, err := dbtsource.Write(l.project, l.contracts); err != nil {
		t.Fatal(err)
	}
	return l
}

// stage publishes a snapshot of a dataset. A row is SQL values of the contract's columns without the partition columns.
func (l *projectLake) stage(dataset, slot, system string, rows ...string) {
	l.t.Helper()
	c := l.contract(dataset)
	var columns, lineage []string
	for _, f := range arrowschema.Columns(c) {
		columns = append(columns, f.Name)
	}
	for name, value := range l.lineage(system) {
		lineage = append(lineage, value+" as "+name)
	}
	file := filepath.Join(l.t.TempDir(), "rows.parquet")
	query := fmt.Sprintf("copy (select *, %s from (values %s) as t(%s)) to %s (format parquet)", strings.Join(lineage, ", "),
		strings.Join(rows, ", "), strings.Join(columns, ", "), duckdb.Text(file))
	if _, err := l.engine.Run(l.t.Context(), duckdb.Job{Statements: []string{query}}); err != nil {
		l.t.Fatal(err)
	}
	body, err := os.ReadFile(file)
	if err != nil {
		l.t.Fatal(err)
	}
	var partition []lake.PartitionValue
	for _, name := range c.Partition {
		partition = append(partition, lake.PartitionValue{Column: name, Value: "01"})
	}
	info, err := l.store.Put(l.t.Context(), lake.StagingKey(dataset, slot, "a", partition), body)
	if err != nil {
		l.t.Fatal(err)
	}
	l.point(lake.Pointer{
		Dataset: dataset, Snapshot: slot, RunID: slot, PublishedAt: l.clock.Now(), SourceSystem: system, Rows: int64(len(rows)),
		Attribution: map[string]string{"attribution": c.Attribution, "licence": c.Licence, "source": "https://example.cat " + c.Source.ID,
			"updated": slot[:4] + "-" + slot[4:6] + "-" + slot[6:8]},
		Parts: []lake.PointerPart{{PublishedPart: events.PublishedPart{},
			Objects: []lake.CandidateObject{{Object: info.Object(), Partition: partition, Rows: int64(len(rows))}}}},
	})
}

// lineage returns the values of the lineage columns in SQL: those of today, or of the files of an earlier build.
func (l *projectLake) lineage(system string) iter.Seq2[string, string] {
	origin := "'invented'"
	if system != "simulator" {
		origin = "'published'"
	}
	return func(yield func(name, value string) bool) {
		for _, c := range arrowschema.LineageColumns {
			value := duckdb.Text(c.Name)
			switch {
			case !l.earlier && c.Type == contract.Integer:
				value = "0::bigint"
			case !l.earlier && c.Type == contract.Boolean:
				value = "false"
			case c.Name == "source_system":
				value = duckdb.Text(system)
			case c.Name == "data_origin":
				value = origin
			case l.earlier && c.Type != contract.Text:
				continue
			}
			if !yield(c.Name, value) {
				return
			}
		}
		if l.earlier {
			_ = yield("source_url", "'u'") && yield("landing_object_key", "'k'") && yield("row_hash", "'h'")
		}
	}
}

func (l *projectLake) contract(dataset string) *contract.Contract {
	for _, c := range l.contracts {
		if c.Dataset == dataset {
			return c
		}
	}
	l.t.Fatalf("no contract of %s", dataset)
	return nil
}

// point makes a pointer current and adds the one before it to the history.
func (l *projectLake) point(p lake.Pointer) {
	l.t.Helper()
	old, etag, err := lake.ReadPointer(l.t.Context(), l.store, p.Dataset)
	if err != nil {
		l.t.Fatal(err)
	}
	if old != nil {
		p.Previous = old.Snapshot
		if _, err := l.store.Put(l.t.Context(), lake.HistoryKey(p.Dataset, old.Snapshot), lake.Encode(old)); err != nil {
			l.t.Fatal(err)
		}
	}
	if _, err := l.store.CompareAndSwap(l.t.Context(), lake.PointerKey(p.Dataset), lake.Encode(p), etag); err != nil {
		l.t.Fatal(err)
	}
}

func (l *projectLake) options() marts.Options {
	return marts.Options{
		Store: l.store, Engine: l.engine, Contracts: l.contracts, Project: l.project, Folder: filepath.Join(l.dir, "marts"), Clock: l.clock,
		Code: "test",
		By:   "a test", Notice: func(s string) { l.notices = append(l.notices, s) },
	}
}

// build builds and fails the test on an error.
func (l *projectLake) build(change ...func(*marts.Options)) marts.Outcome {
	l.t.Helper()
	o := l.options()
	for _, c := range change {
		c(&o)
	}
	out, err := marts.Build(l.t.Context(), o)
	if err != nil {
		if out.Record != nil && out.Record.Failure != nil {
			l.t.Logf("%+v", out.Record.Failure)
		}
		l.t.Fatal(err)
	}
	return out
}

// rows reads columns of a published mart.
func (l *projectLake) rows(model, columns string) string {
	l.t.Helper()
	p, _, err := lake.ReadMartsPointer(l.t.Context(), l.store)
	if err != nil || p.Mart(model) == nil {
		l.t.Fatalf("%s is not published: %v", model, err)
	}
	rows, err := l.engine.Run(l.t.Context(), duckdb.Job{Query: "select " + columns + " from (" + marts.Query(*p.Mart(model),
		l.engine.Place) + ")"})
	if err != nil {
		l.t.Fatal(err)
	}
	var out []string
	for _, row := range rows.Values {
		out = append(out, strings.Trim(fmt.Sprint(row), "[]"))
	}
	return strings.Join(out, "\n")
}

// stageBoth stages two towns and a register of their services.
func (l *projectLake) stageBoth() {
	l.t.Helper()
	l.stage("towns", "20251101T040000", "simulator", "('080193', 'Barcelona')", "('170792', 'Girona')")
	l.stage("social_services", "20251101T050000", "simulator", "('S1', '080193', 10)", "('S2', '080193', 5)", "('S3', '170792', 7)")
}

//go:build trino

package trino

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/llac-project/llac/cmd/llac/duckdb"
	"github.com/llac-project/llac/cmd/llac/ledger"
	"github.com/llac-project/llac/cmd/llac/pipeline"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/platform/local/python"
)

// contracts is the folder of the datasets' contracts, project that of the dbt project.
const (
	contracts = "../../datasets"
	project   = "../../dbt"
)

// passing is a clock that runs a while behind the machine's, so that one test sees several days.
type passing struct{ behind time.Duration }

func (c passing) Now() time.Time { return time.Now().UTC().Add(-c.behind) }

func (passing) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(min(d, 5*time.Millisecond)):
		return nil
	}
}

// world is a lake that a simulated portal's changes flow into, a day at a time.
type world struct {
	t      *testing.T
	dir    string
	portal *portal.Portal
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), portal: portal.New(portal.Options{})}
	if err := w.portal.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.portal.Close)
	return w
}

// snapshots runs every dataset, some time ago, and answers the snapshots that are then published, by dataset.
func (w *world) snapshots(behind time.Duration) map[string]Snapshot {
	w.t.Helper()
	result, err := pipeline.Run(w.t.Context(), pipeline.Options{
		Settings:  pipeline.Settings{Dir: w.dir, Simulator: w.portal, Clock: passing{behind}, Note: "test-trino"},
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
	cloud, err := pipeline.Look(w.t.Context(), w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	defer cloud.Close()
	all, err := contract.LoadDir(contracts)
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]Snapshot{}
	for _, c := range all {
		p, _, err := lake.ReadPointer(w.t.Context(), cloud.Lake(), c.Dataset)
		if err != nil || p == nil {
			w.t.Fatalf("pointer of %s: %v, %v", c.Dataset, p, err)
		}
		out[c.Dataset] = Snapshot{Contract: c, Pointer: p, Root: filepath.Join(w.dir, "lake", pipeline.DataBucket)}
	}
	return out
}

// environment is the Python that holds dbt, its adapters and DuckDB.
func environment(t *testing.T) python.Environment {
	t.Helper()
	e, err := python.Ensure(t.Context(), "marts-trino", Requirements(), os.Stderr)
	var missing *python.NoPythonError
	if errors.As(err, &missing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// trino starts a Trino for the time of the test.
func trino(t *testing.T) Client {
	t.Helper()
	s, err := Start(context.WithoutCancel(t.Context()), t.TempDir(), os.Stderr)
	var missing *MissingError
	if errors.As(err, &missing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of Trino's log:\n%s", s.LogTail(60))
		}
		if err := s.Close(); err != nil {
			t.Errorf("Trino did not end by itself: %v", err)
		}
	})
	return Client{s.Address}
}

// engines are both databases, and what is asked of both.
type engines struct {
	t      *testing.T
	trino  Client
	duckdb duckdb.Engine
	file   string // DuckDB's
}

func newEngines(t *testing.T) *engines {
	t.Helper()
	e := &engines{t: t, duckdb: duckdb.Engine{Environment: environment(t)}, file: filepath.Join(t.TempDir(), "marts.duckdb")}
	e.trino = trino(t)
	return e
}

// do runs statements on both.
func (e *engines) do(statements ...string) {
	e.t.Helper()
	if err := e.onDuckDB(statements...); err != nil {
		e.t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := e.trino.Query(e.t.Context(), s); err != nil {
			e.t.Fatal(err)
		}
	}
}

func (e *engines) onDuckDB(statements ...string) error {
	if _, err := e.duckdb.Run(e.t.Context(), duckdb.Job{Database: e.file, Statements: statements}); err != nil {
		return fmt.Errorf("DuckDB: %w", err)
	}
	return nil
}

// differences compares a relation on both.
func (e *engines) differences(relation string) []string {
	e.t.Helper()
	query := "SELECT * FROM " + relation
	rows, err := e.duckdb.Run(e.t.Context(), duckdb.Job{Database: e.file, ReadOnly: true, Query: query})
	if err != nil {
		e.t.Fatalf("%s on DuckDB: %v", relation, err)
	}
	ours := Table{Rows: rows.Values}
	for _, c := range rows.Columns {
		ours.Columns = append(ours.Columns, Column{c.Name, c.Type})
	}
	theirs, err := e.trino.Query(e.t.Context(), query)
	if err != nil {
		e.t.Fatal(err)
	}
	return Differences(theirs, ours)
}

// same fails the test where a relation differs, and says how many rows were compared.
func (e *engines) same(relation string) {
	e.t.Helper()
	if d := e.differences(relation); len(d) > 0 {
		e.t.Errorf("%s differs between Trino and DuckDB:", relation)
		for _, line := range d {
			e.t.Errorf("  %s", line)
		}
	}
}

// stage makes the snapshots' relations on both: on DuckDB views over exactly the pointer's files.
func (e *engines) stage(snapshots map[string]Snapshot) {
	e.t.Helper()
	for _, s := range snapshots {
		view := fmt.Sprintf("CREATE OR REPLACE VIEW staging.%s AS %s", s.Relation(),
			ledger.Exact(s.Pointer, s.Contract, func(key string) string { return filepath.Join(s.Root, filepath.FromSlash(key)) }))
		if err := e.onDuckDB("CREATE SCHEMA IF NOT EXISTS staging", view); err != nil {
			e.t.Fatal(err)
		}
		if err := e.trino.Stage(e.t.Context(), s, "staging", e.t.TempDir()); err != nil {
			e.t.Fatalf("Trino: %v", err)
		}
	}
}

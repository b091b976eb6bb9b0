//go:build trino && unix

package trino

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/marts"
)

// mirror is DuckDB, the engine that llac marts uses. It repeats each step on Trino, and compiles the project with dbt-athena.
// So all of them use the snapshots, variables and published marts that the marts' own runner has chosen.
type mirror struct {
	marts.DuckDB
	t     *testing.T
	trino *Client // nil: only DuckDB builds
	cloud *cloud  // nil: dbt-athena does not compile
}

func (m *mirror) Open(ctx context.Context, folder, project string) (marts.Session, error) {
	own, err := m.DuckDB.Open(ctx, folder, project)
	if err != nil {
		return nil, err
	}
	s := &session{Session: own, mirror: m, scratch: m.t.TempDir()}
	s.project = Project{Environment: m.Environment, Dir: project}
	if m.trino == nil {
		return s, nil
	}
	address, err := url.Parse(m.trino.Address)
	if err != nil {
		return nil, err
	}
	if err := m.trino.Empty(ctx, "staging", "published", "work"); err != nil {
		return nil, err
	}
	s.project = Project{Environment: m.Environment, Dir: project, Target: "trino", Out: m.t.TempDir(), Settings: []string{
		"LLAC_TRINO_HOST=" + address.Hostname(), "LLAC_TRINO_PORT=" + address.Port(), "LLAC_TRINO_CATALOG=" + Catalog,
	}}
	return s, nil
}

// session is one build on both engines. Its methods return the results of DuckDB.
type session struct {
	marts.Session
	*mirror
	scratch string
	project Project
	tables  []External
	nodes   []Node
	filled  []string
}

func (s *session) Relate(ctx context.Context, relations []marts.Relation) error {
	if err := s.Session.Relate(ctx, relations); err != nil {
		return err
	}
	for _, r := range relations {
		table, err := NewExternal(r, s.Place)
		if err != nil {
			return err
		}
		s.tables = append(s.tables, table)
		if s.trino == nil {
			continue
		}
		if err := s.trino.Create(ctx, table, s.scratch); err != nil {
			return err
		}
		// Trino must read the stager's files, and DuckDB's files of the marts, as DuckDB does.
		s.compare(ctx, r.Schema, r.Name)
	}
	return nil
}

func (s *session) Parse(ctx context.Context, vars map[string]any) (*marts.Project, error) {
	s.project.Vars = vars
	project, err := s.Session.Parse(ctx, vars)
	if err != nil || s.trino == nil {
		return project, err
	}
	if err := s.project.Run(ctx, "parse"); err != nil {
		return nil, err
	}
	s.nodes, err = s.project.Nodes()
	return project, err
}

func (s *session) Fill(ctx context.Context, models []string) error {
	if err := s.Session.Fill(ctx, models); err != nil {
		return err
	}
	s.filled = models
	if s.trino == nil {
		return nil
	}
	for _, n := range s.nodes {
		if !slices.Contains(models, n.Name) {
			continue
		}
		properties := ""
		if p, ok := n.Config["properties"].(map[string]any); ok && p["partitioned_by"] != nil {
			properties = fmt.Sprintf(" WITH (partitioned_by = %s)", p["partitioned_by"])
		}
		statement := fmt.Sprintf("CREATE TABLE %s%s AS SELECT * FROM published.%s", n.Relation(), properties, duckdb.Name(n.Name))
		if _, err := s.trino.Query(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) Build(ctx context.Context, selection []string, progress func(marts.Step)) ([]marts.Result, error) {
	start := time.Now()
	results, err := s.Session.Build(ctx, selection, progress)
	if err != nil {
		return nil, err
	}
	s.t.Logf("DuckDB built %d nodes in %.0f s", len(results), time.Since(start).Seconds())
	if s.trino != nil {
		if err := s.buildOnTrino(ctx, selection, results); err != nil {
			return nil, err
		}
	}
	if s.cloud != nil {
		s.compile(ctx)
	}
	return results, nil
}

// buildOnTrino builds on Trino what DuckDB has built, and compares the status of each node and the table of each model.
func (s *session) buildOnTrino(ctx context.Context, selection []string, results []marts.Result) error {
	start := time.Now()
	command := []string{"build"}
	if len(selection) > 0 {
		command = append(command, "--select", strings.Join(selection, " "), "--indirect-selection", "cautious")
	}
	failure := s.project.Run(ctx, command...)
	onTrino, err := s.project.Results()
	if err != nil {
		return fmt.Errorf("%w; %w", err, failure)
	}
	s.t.Logf("Trino built %d nodes in %.0f s", len(onTrino), time.Since(start).Seconds())
	if failure != nil {
		s.t.Error(failure)
	}
	onDuckDB := map[string]string{}
	for _, r := range results {
		onDuckDB[r.ID] = r.Status
	}
	for _, id := range slices.Sorted(maps.Keys(onDuckDB)) {
		if onDuckDB[id] != onTrino[id] {
			s.t.Errorf("%s: %s on DuckDB, %s on Trino", id, onDuckDB[id], onTrino[id])
		}
	}
	if len(onDuckDB) != len(onTrino) {
		s.t.Errorf("%d nodes on DuckDB, %d on Trino", len(onDuckDB), len(onTrino))
	}
	compared := 0
	for _, n := range s.nodes {
		if onDuckDB[n.ID] == "success" && onTrino[n.ID] == "success" {
			s.compare(ctx, n.Schema, n.Alias)
			compared++
		}
	}
	if compared == 0 {
		s.t.Error("no model was compared")
	}
	s.t.Logf("compared %d models", compared)
	return nil
}

// compare fails the test if a relation differs between the engines.
func (s *session) compare(ctx context.Context, schema, name string) {
	s.t.Helper()
	relation := duckdb.Name(schema) + "." + duckdb.Name(name)
	query := "SELECT * FROM " + relation
	rows, err := s.Query(ctx, query, 0)
	if err != nil {
		s.t.Errorf("%s on DuckDB: %v", relation, err)
		return
	}
	theirs, err := s.trino.Query(ctx, query)
	if err != nil {
		s.t.Error(err)
		return
	}
	if d := Differences(theirs, duckTable(rows)); len(d) > 0 {
		s.t.Errorf("%s differs:\n  %s", relation, strings.Join(d, "\n  "))
	}
}

// duckTable returns the rows of DuckDB as a Table.
func duckTable(rows duckdb.Rows) Table {
	t := Table{Rows: rows.Values}
	for _, c := range rows.Columns {
		t.Columns = append(t.Columns, Column{c.Name, c.Type})
	}
	return t
}

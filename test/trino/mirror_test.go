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

// mirror is the engine that llac marts uses, DuckDB, and beside it Trino, which is told to do all the same, and dbt-athena,
// which compiles it. So what they build from is what the marts' own runner has planned: snapshots, variables, published
// marts.
type mirror struct {
	marts.DuckDB
	t     *testing.T
	trino *Client // nil: DuckDB alone
	cloud *cloud  // nil: nobody compiles for Athena
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

// session is one build on both. Whatever a call answers is DuckDB's.
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
		// Trino reads the stager's files, and the marts' that DuckDB wrote, as DuckDB does.
		s.same(ctx, r.Schema, r.Name)
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
		with := ""
		if properties, ok := n.Config["properties"].(map[string]any); ok && properties["partitioned_by"] != nil {
			with = fmt.Sprintf(" WITH (partitioned_by = %s)", properties["partitioned_by"])
		}
		if _, err := s.trino.Query(ctx, fmt.Sprintf("CREATE TABLE %s%s AS SELECT * FROM published.%s", n.Relation(), with, duckdb.Name(n.Name))); err != nil {
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
		if err := s.onTrino(ctx, selection, results); err != nil {
			return nil, err
		}
	}
	if s.cloud != nil {
		s.compile(ctx)
	}
	return results, nil
}

// onTrino builds what DuckDB has built, and compares how each node ended and what each model holds.
func (s *session) onTrino(ctx context.Context, selection []string, results []marts.Result) error {
	start := time.Now()
	command := []string{"build"}
	if len(selection) > 0 {
		command = append(command, "--select", strings.Join(selection, " "), "--indirect-selection", "cautious")
	}
	built := s.project.Run(ctx, command...)
	theirs, err := s.project.Results()
	if err != nil {
		return fmt.Errorf("%w; %w", err, built)
	}
	s.t.Logf("Trino built %d nodes in %.0f s", len(theirs), time.Since(start).Seconds())
	if built != nil {
		s.t.Error(built)
	}
	ours := map[string]string{}
	for _, r := range results {
		ours[r.ID] = r.Status
	}
	for _, id := range slices.Sorted(maps.Keys(ours)) {
		if ours[id] != theirs[id] {
			s.t.Errorf("%s: %s on DuckDB, %s on Trino", id, ours[id], theirs[id])
		}
	}
	if len(ours) != len(theirs) {
		s.t.Errorf("%d nodes on DuckDB, %d on Trino", len(ours), len(theirs))
	}
	compared := 0
	for _, n := range s.nodes {
		if ours[n.ID] == "success" && theirs[n.ID] == "success" {
			s.same(ctx, n.Schema, n.Alias)
			compared++
		}
	}
	if compared == 0 {
		s.t.Error("no model was compared")
	}
	s.t.Logf("compared %d models", compared)
	return nil
}

// same fails the test where a relation differs between the two.
func (s *session) same(ctx context.Context, schema, name string) {
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

func duckTable(rows duckdb.Rows) Table {
	t := Table{Rows: rows.Values}
	for _, c := range rows.Columns {
		t.Columns = append(t.Columns, Column{c.Name, c.Type})
	}
	return t
}

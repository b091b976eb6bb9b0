package marts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/dbtsource"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
)

// dry is an engine that makes one mart of one dataset without a database: what is told of publication here holds
// whatever makes the models.
type dry struct {
	rows    string   // what is in the mart
	results []Result // of the build; default: all is well
	origins [][]any  // of the rows; default: simulated ones
	columns []string // of the mart; default: those that there have to be
}

func (d *dry) Name() string                                          { return "dry" }
func (d *dry) Open(context.Context, string, string) (Session, error) { return d, nil }
func (d *dry) Versions() map[string]string                           { return nil }
func (d *dry) Relate(context.Context, []Relation) error              { return nil }
func (d *dry) Fill(context.Context, []string) error                  { return nil }
func (d *dry) Docs(context.Context) (string, error)                  { return "", nil }
func (d *dry) Close() error                                          { return nil }

func (d *dry) Parse(context.Context, map[string]any) (*Project, error) {
	return &Project{Nodes: []Node{
		{ID: "s", Type: "source", Name: "towns", Source: "staging"},
		{ID: "m", Type: "model", Name: "dim_towns", DependsOn: []string{"s"}, Path: "models/marts/dim_towns.sql", Meta: map[string]any{"kind": "dimension", "grain": "One row per town"}},
		{ID: "t", Type: "test", Name: "there_are_towns", DependsOn: []string{"m"}},
	}}, nil
}

func (d *dry) Build(ctx context.Context, _ []string, _ func(Step)) ([]Result, error) {
	if d.results != nil {
		return d.results, ctx.Err()
	}
	return []Result{{ID: "m", Name: "dim_towns", Type: "model", Status: "success"}, {ID: "t", Name: "there_are_towns", Type: "test", Status: "pass"}}, ctx.Err()
}

func (d *dry) Freshness(context.Context, []string) ([]Age, error) {
	return []Age{{Dataset: "towns", Status: "pass"}}, nil
}

func (d *dry) Query(_ context.Context, sql string, _ int) (duckdb.Rows, error) {
	switch {
	case strings.Contains(sql, "information_schema"):
		var rows [][]any
		for _, c := range dbtsource.Columns(towns()) {
			rows = append(rows, []any{"towns__20251101t040000", c.Name})
		}
		return duckdb.Rows{Values: rows}, nil
	case strings.HasPrefix(sql, "describe"):
		columns := d.columns
		if columns == nil {
			columns = []string{"town_key", "town_id", "source_system", "data_origin"}
		}
		var rows [][]any
		for _, c := range columns {
			rows = append(rows, []any{c, "VARCHAR"})
		}
		return duckdb.Rows{Values: rows}, nil
	case strings.Contains(sql, "group by all"):
		if d.origins != nil {
			return duckdb.Rows{Values: d.origins}, nil
		}
		return duckdb.Rows{Values: [][]any{{"simulator", "recorded", "2"}}}, nil
	}
	return duckdb.Rows{Columns: []duckdb.Column{{Name: "town_id"}}, Values: [][]any{{"080193"}}}, nil
}

// Export writes what looks like a Parquet file to who looks at its ends.
func (d *dry) Export(_ context.Context, _ string, _ int64, _ []string, metadata map[string]string, file string) error {
	footer := fmt.Sprint(metadata)
	return os.WriteFile(file, []byte("PAR1"+d.rows+footer+string([]byte{byte(len(footer)), byte(len(footer) >> 8), 0, 0})+"PAR1"), 0o644)
}

func towns() *contract.Contract {
	return &contract.Contract{Dataset: "towns", Fields: []contract.Field{{Name: "town_id", Type: contract.Text, Staged: true}}}
}

type still struct{ at time.Time }

func (s *still) Now() time.Time                                   { return s.at }
func (s *still) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// lakeOfTowns is a lake with one published dataset, and the options of a build in it.
func lakeOfTowns(t *testing.T) (Options, *still) {
	t.Helper()
	store := laketest.NewMemory()
	info, err := store.Put(t.Context(), "staging/towns/rows", []byte("rows"))
	if err != nil {
		t.Fatal(err)
	}
	at := &still{time.Date(2025, 11, 3, 12, 0, 0, 0, time.UTC)}
	if _, err := store.Put(t.Context(), lake.PointerKey("towns"), lake.Encode(lake.Pointer{
		Dataset: "towns", Snapshot: "20251101T040000", SourceSystem: "simulator", PublishedAt: at.at, Attribution: map[string]string{"attribution": "Source: the list."},
		Parts: []lake.PointerPart{{Objects: []lake.CandidateObject{{Object: info.Object()}}}},
	})); err != nil {
		t.Fatal(err)
	}
	return Options{Store: store, Engine: &dry{rows: "one"}, Contracts: []*contract.Contract{towns()}, Project: "testdata/project", Folder: filepath.Join(t.TempDir(), "marts"), Clock: at, Code: "test"}, at
}

func published(t *testing.T, s lake.Store) *lake.MartsPointer {
	t.Helper()
	p, _, err := lake.ReadMartsPointer(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTwoBuildsAtOnce: whoever moves the pointer first wins, and the other says so.
func TestTwoBuildsAtOnce(t *testing.T) {
	t.Parallel()
	o, _ := lakeOfTowns(t)
	var (
		both sync.WaitGroup // are about to move the pointer
		all  sync.WaitGroup
		errs [2]error
		outs [2]Outcome
	)
	both.Add(2)
	for i := range 2 {
		all.Go(func() {
			o := o
			o.Folder = filepath.Join(o.Folder, fmt.Sprint(i)) // as if on two machines: on one the directory has a lock
			o.Engine = &dry{rows: fmt.Sprint(i)}
			arrive := sync.OnceFunc(both.Done)
			defer arrive() // also where it fails before
			o.Failpoint = func(point string) {
				if point == FailpointRecorded {
					arrive()
					both.Wait()
				}
			}
			outs[i], errs[i] = Build(context.Background(), o)
		})
	}
	all.Wait()
	winner, loser := 0, 1
	if errs[0] != nil {
		winner, loser = 1, 0
	}
	var lost *LostError
	if errs[winner] != nil || !errors.As(errs[loser], &lost) {
		t.Fatalf("got %v and %v", errs[0], errs[1])
	}
	p := published(t, o.Store)
	if won := outs[winner].Marts.Build; lost.Winner != won || lost.Build == won || p.Build != won || outs[loser].Marts != nil || outs[loser].Built {
		t.Errorf("build %s won, readers see %s, the loser says %v", won, p.Build, lost)
	}
	if r, _, err := lake.ReadState[Record](t.Context(), o.Store, lake.MartsFailureKey(lost.Build)); err != nil || r == nil || !strings.Contains(r.Failure.Message, lost.Winner) {
		t.Errorf("%v: the loser left no record of that: %+v", err, r)
	}
	if text := string(mustRead(t, o.Store, p.Models[0].Objects[0])); !strings.HasPrefix(text, fmt.Sprintf("PAR1%d", winner)) {
		t.Errorf("readers see %q", text)
	}
}

func mustRead(t *testing.T, s lake.Store, o events.Object) []byte {
	t.Helper()
	b, err := lake.Read(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestACrashLeavesReadersAsTheyWere ends a build, as a kill would, at each of its points.
func TestACrashLeavesReadersAsTheyWere(t *testing.T) {
	t.Parallel()
	o, clock := lakeOfTowns(t)
	first, err := Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	o.Force, o.Engine = true, &dry{rows: "two"}
	for _, at := range []string{FailpointTested, FailpointExported, FailpointRecorded} {
		// The clock stands still: also a build begun in the same second has an id of its own.
		func() {
			defer func() {
				if recover() != at {
					t.Errorf("the build did not come to %s", at)
				}
			}()
			o := o
			o.Failpoint = func(point string) {
				if point == at {
					panic(at)
				}
			}
			_, _ = Build(t.Context(), o)
		}()
		p := published(t, o.Store)
		if p.Build != first.Marts.Build || !strings.HasPrefix(string(mustRead(t, o.Store, p.Models[0].Objects[0])), "PAR1one") {
			t.Errorf("killed at %s, and readers see build %s", at, p.Build)
		}
	}
	clock.at = clock.at.Add(-time.Hour) // nor does it go back behind what is published (invariant 10)
	next, err := Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if p := published(t, o.Store); p.Build != next.Marts.Build || p.Build <= first.Marts.Build || !strings.HasPrefix(string(mustRead(t, o.Store, p.Models[0].Objects[0])), "PAR1two") {
		t.Errorf("after the crashes readers see build %s", p.Build)
	}
	if left, err := os.ReadDir(o.Folder); err != nil || len(left) != 0 {
		t.Errorf("%v: what the killed builds left is still there: %v", err, left)
	}
}

// TestOneTestThatFails keeps all marts from being published, whatever else is well (invariant 3).
func TestOneTestThatFails(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"fail", "error", "skipped", "a status that nobody has heard of"} {
		o, _ := lakeOfTowns(t)
		o.Engine = &dry{rows: "one", results: []Result{
			{ID: "m", Name: "dim_towns", Type: "model", Status: "success"},
			{ID: "t", Name: "there_are_towns", Type: "test", Status: status, Failures: 1, Query: "select 1"},
		}}
		out, err := Build(t.Context(), o)
		var failed *FailedError
		if !errors.As(err, &failed) || out.Built || published(t, o.Store) != nil {
			t.Errorf("%s: got %v, published %v", status, err, published(t, o.Store))
			continue
		}
		if nodes := failed.Record.Failure.Nodes; status == "fail" && (len(nodes) != 1 || !reflect.DeepEqual(nodes[0].Rows, [][]any{{"080193"}})) {
			t.Errorf("the wrong rows are shown as %+v", nodes)
		}
	}
	o, _ := lakeOfTowns(t)
	var said []string
	o.Notice = func(s string) { said = append(said, s) }
	o.Engine = &dry{rows: "one", results: []Result{
		{ID: "m", Name: "dim_towns", Type: "model", Status: "success"}, {ID: "t", Name: "there_are_towns", Type: "test", Status: "warn", Message: "Got 1 result"},
	}}
	if out, err := Build(t.Context(), o); err != nil || !out.Built || strings.Join(said, "") != "Test there_are_towns of dim_towns warns: Got 1 result." {
		t.Errorf("a warning: %v, said %q", err, said)
	}
}

// TestRowsThatHideTheirOrigin: a mart whose rows do not say where they come from, or say something else than the datasets
// do, is not published (invariant 11).
func TestRowsThatHideTheirOrigin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		engine dry
		want   string // "": published
	}{
		{"simulated", dry{}, ""},
		{"simulated beside the project's own", dry{origins: [][]any{{"llac", "recorded", "1"}, {"simulator", "invented", "1"}}}, ""},
		{"no column", dry{columns: []string{"town_id"}}, "has no columns source_system and data_origin"},
		{"null", dry{origins: [][]any{{nil, "invented", "7"}}}, "7 rows that do not say where they come from"},
		{"a portal", dry{origins: [][]any{{"example.cat", "published", "2"}}}, "come from example.cat, and its datasets are simulated"},
		{"the project's own alone", dry{origins: [][]any{{"llac", "recorded", "2"}}}, "no row of dim_towns says that it comes from towns"},
	} {
		o, _ := lakeOfTowns(t)
		o.Engine = &c.engine
		_, err := Build(t.Context(), o)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: got %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || published(t, o.Store) != nil):
			t.Errorf("%s: got %v, want %q; published %v", c.name, err, c.want, published(t, o.Store))
		}
	}
}

func TestWeakest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		systems []string
		want    string
	}{
		{nil, ""}, {[]string{"llac"}, ""}, {[]string{"llac", "a.cat"}, "a.cat"}, {[]string{"b.cat", "a.cat"}, "a.cat, b.cat"},
		{[]string{"a.cat, b.cat", "b.cat"}, "a.cat, b.cat"}, {[]string{"a.cat", "simulator"}, "simulator"},
		{[]string{"a.cat", "unofficial:host"}, "unofficial:host"}, {[]string{"unofficial:host", "simulator"}, "simulator"},
	} {
		systems := map[string]bool{}
		for _, s := range c.systems {
			systems[s] = true
		}
		if got := weakest(systems); got != c.want {
			t.Errorf("%v: got %q, want %q", c.systems, got, c.want)
		}
	}
}

func TestMartsSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		node Node
		want string
	}{
		{Node{Path: "models/staging/stg_towns.sql"}, ""},
		{Node{Path: "models/marts/dim_towns.sql", Meta: map[string]any{"kind": "dimension", "grain": "One row per town"}}, ""},
		{Node{Path: "models/marts/dim_towns.sql"}, "say dimension, fact or aggregate"},
		{Node{Path: "models/marts/dim_towns.sql", Meta: map[string]any{"kind": "table", "grain": "One row per town"}}, "say dimension, fact or aggregate"},
		{Node{Path: "models/marts/dim_towns.sql", Meta: map[string]any{"kind": "fact"}}, "grain is missing"},
	} {
		c.node.ID, c.node.Type, c.node.Name = "m", "model", "it"
		if _, err := trace(&Project{Nodes: []Node{c.node}}).marts(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.node, err, c.want)
		}
	}
}

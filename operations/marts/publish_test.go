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

// fakeEngine makes one mart of one dataset without a database. What it shows about publication holds for every engine.
type fakeEngine struct {
	rows    string   // content of the mart
	results []Result // of the build; default: everything passes
	origins [][]any  // of the rows; default: simulated
	columns []string // of the mart; default: the required ones
}

func (e *fakeEngine) Name() string                                          { return "fake" }
func (e *fakeEngine) Open(context.Context, string, string) (Session, error) { return e, nil }
func (e *fakeEngine) Versions() map[string]string                           { return nil }
func (e *fakeEngine) Relate(context.Context, []Relation) error              { return nil }
func (e *fakeEngine) Fill(context.Context, []string) error                  { return nil }
func (e *fakeEngine) Docs(context.Context) (string, error)                  { return "", nil }
func (e *fakeEngine) Close() error                                          { return nil }

func (e *fakeEngine) Parse(context.Context, map[string]any) (*Project, error) {
	return &Project{Nodes: []Node{
		{ID: "s", Type: "source", Name: "towns", Source: "staging"},
		{ID: "m", Type: "model", Name: "dim_towns", DependsOn: []string{"s"}, Path: "models/marts/dim_towns.sql", Meta: map[string]any{
			"kind": "dimension", "grain": "One row per town", "key": []any{"town_id"},
		}},
		{ID: "t", Type: "test", Name: "town_id_is_the_key", DependsOn: []string{"m"}, Test: "is_unique_and_not_null",
			TestColumns: []string{"town_id"}},
		{ID: "u", Type: "test", Name: "there_are_towns", DependsOn: []string{"m"}},
	}}, nil
}

func (e *fakeEngine) Build(ctx context.Context, _ []string, _ func(Step)) ([]Result, error) {
	if e.results != nil {
		return e.results, ctx.Err()
	}
	return passing(), ctx.Err()
}

// passing returns the results of a build in which everything passes.
func passing() []Result {
	return []Result{
		{ID: "m", Name: "dim_towns", Type: "model", Status: "success"},
		{ID: "t", Name: "town_id_is_the_key", Type: "test", Status: "pass"},
		{ID: "u", Name: "there_are_towns", Type: "test", Status: "pass"},
	}
}

func (e *fakeEngine) Freshness(context.Context, []string) ([]Age, error) {
	return []Age{{Dataset: "towns", Status: "pass"}}, nil
}

func (e *fakeEngine) Query(_ context.Context, sql string, _ int) (duckdb.Rows, error) {
	switch {
	case strings.Contains(sql, "information_schema"):
		var rows [][]any
		for _, c := range dbtsource.Columns(towns()) {
			rows = append(rows, []any{"towns__20251101t040000", c.Name})
		}
		return duckdb.Rows{Values: rows}, nil
	case strings.HasPrefix(sql, "describe"):
		columns := e.columns
		if columns == nil {
			columns = []string{"town_key", "town_id", "source_system", "data_origin"}
		}
		var rows [][]any
		for _, c := range columns {
			rows = append(rows, []any{c, "VARCHAR"})
		}
		return duckdb.Rows{Values: rows}, nil
	case strings.Contains(sql, "group by all"):
		if e.origins != nil {
			return duckdb.Rows{Values: e.origins}, nil
		}
		return duckdb.Rows{Values: [][]any{{"simulator", "recorded", "2"}}}, nil
	}
	return duckdb.Rows{Columns: []duckdb.Column{{Name: "town_id"}}, Values: [][]any{{"080193"}}}, nil
}

// Export writes a file that begins and ends as a Parquet file does.
func (e *fakeEngine) Export(_ context.Context, _ string, _ int64, _ []string, metadata map[string]string, file string) error {
	footer := fmt.Sprint(metadata)
	return os.WriteFile(file, []byte("PAR1"+e.rows+footer+string([]byte{byte(len(footer)), byte(len(footer) >> 8), 0, 0})+"PAR1"), 0o644)
}

func towns() *contract.Contract {
	return &contract.Contract{Dataset: "towns", Fields: []contract.Field{{Name: "town_id", Type: contract.Text, Staged: true}}}
}

type fixedClock struct{ at time.Time }

func (c *fixedClock) Now() time.Time                                   { return c.at }
func (c *fixedClock) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// lakeOfTowns returns the options of a build in a lake with one published dataset, and the clock of that build.
func lakeOfTowns(t *testing.T) (Options, *fixedClock) {
	t.Helper()
	store := laketest.NewMemory()
	info, err := store.Put(t.Context(), "staging/towns/rows", []byte("rows"))
	if err != nil {
		t.Fatal(err)
	}
	at := &fixedClock{time.Date(2025, 11, 3, 12, 0, 0, 0, time.UTC)}
	if _, err := store.Put(t.Context(), lake.PointerKey("towns"), lake.Encode(lake.Pointer{
		Dataset: "towns", Snapshot: "20251101T040000", SourceSystem: "simulator", PublishedAt: at.at,
		Attribution: map[string]string{"attribution": "Source: the list."},
		Parts:       []lake.PointerPart{{Objects: []lake.CandidateObject{{Object: info.Object()}}}},
	})); err != nil {
		t.Fatal(err)
	}
	return Options{
		Store: store, Engine: &fakeEngine{rows: "one"}, Contracts: []*contract.Contract{towns()}, Project: "testdata/project",
		Folder: filepath.Join(t.TempDir(), "marts"), Clock: at, Code: "test",
	}, at
}

func published(t *testing.T, s lake.Store) *lake.MartsPointer {
	t.Helper()
	p, _, err := lake.ReadMartsPointer(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTwoBuildsAtOnce checks that the build that moves the pointer first wins, and that the other reports it.
func TestTwoBuildsAtOnce(t *testing.T) {
	t.Parallel()
	o, _ := lakeOfTowns(t)
	var (
		both sync.WaitGroup // both builds are about to move the pointer
		all  sync.WaitGroup
		errs [2]error
		outs [2]Outcome
	)
	both.Add(2)
	for i := range 2 {
		all.Go(func() {
			o := o
			o.Folder = filepath.Join(o.Folder, fmt.Sprint(i)) // as on two machines: on one machine the directory is locked
			o.Engine = &fakeEngine{rows: fmt.Sprint(i)}
			arrive := sync.OnceFunc(both.Done)
			defer arrive() // also if the build fails earlier
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
	if won := outs[winner].Marts.Build; lost.Winner != won || lost.Build == won || p.Build != won || outs[loser].Marts != nil ||
		outs[loser].Built {
		t.Errorf("build %s won, readers see %s, the loser reports %v", won, p.Build, lost)
	}
	r, _, err := lake.ReadState[Record](t.Context(), o.Store, lake.MartsFailureKey(lost.Build))
	if err != nil || r == nil || !strings.Contains(r.Failure.Message, lost.Winner) {
		t.Errorf("%v: the loser's failure record is %+v", err, r)
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

// TestACrashChangesNothingForReaders ends a build at each of its failpoints, as a kill would.
func TestACrashChangesNothingForReaders(t *testing.T) {
	t.Parallel()
	o, clock := lakeOfTowns(t)
	first, err := Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	o.Force, o.Engine = true, &fakeEngine{rows: "two"}
	for _, at := range []string{FailpointTested, FailpointExported, FailpointRecorded} {
		// The clock does not advance: a build that starts in the same second gets an id of its own.
		func() {
			defer func() {
				if recover() != at {
					t.Errorf("the build did not reach %s", at)
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
			t.Errorf("after a kill at %s readers see build %s", at, p.Build)
		}
	}
	clock.at = clock.at.Add(-time.Hour) // an id is never earlier than the published one (invariant 10)
	next, err := Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if p := published(t, o.Store); p.Build != next.Marts.Build || p.Build <= first.Marts.Build ||
		!strings.HasPrefix(string(mustRead(t, o.Store, p.Models[0].Objects[0])), "PAR1two") {
		t.Errorf("after the crashes readers see build %s", p.Build)
	}
	if left, err := os.ReadDir(o.Folder); err != nil || len(left) != 0 {
		t.Errorf("%v: files of the killed builds remain: %v", err, left)
	}
}

// TestOneFailedTestPreventsPublication checks invariant 3.
func TestOneFailedTestPreventsPublication(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"fail", "error", "skipped", "an unknown status"} {
		o, _ := lakeOfTowns(t)
		o.Engine = &fakeEngine{rows: "one", results: []Result{
			{ID: "m", Name: "dim_towns", Type: "model", Status: "success"},
			{ID: "u", Name: "there_are_towns", Type: "test", Status: status, Failures: 1, Query: "select 1"},
		}}
		out, err := Build(t.Context(), o)
		var failed *FailedError
		if !errors.As(err, &failed) || out.Built || published(t, o.Store) != nil {
			t.Errorf("%s: got %v, published %v", status, err, published(t, o.Store))
			continue
		}
		if nodes := failed.Record.Failure.Nodes; status == "fail" && (len(nodes) != 1 ||
			!reflect.DeepEqual(nodes[0].Rows, [][]any{{"080193"}})) {
			t.Errorf("the wrong rows are shown as %+v", nodes)
		}
	}
	o, _ := lakeOfTowns(t)
	var notices []string
	o.Notice = func(s string) { notices = append(notices, s) }
	warning := passing()
	warning[2].Status, warning[2].Message = "warn", "Got 1 result"
	o.Engine = &fakeEngine{rows: "one", results: warning}
	out, err := Build(t.Context(), o)
	if err != nil || !out.Built || strings.Join(notices, "") != "Test there_are_towns of dim_towns warns: Got 1 result." {
		t.Errorf("a warning: %v, notices %q", err, notices)
	}
}

// TestRowsWithAWrongOrigin checks that a mart is not published if its rows have no origin or another one than its datasets
// (invariant 11).
func TestRowsWithAWrongOrigin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		engine fakeEngine
		want   string // "": published
	}{
		{"simulated", fakeEngine{}, ""},
		{"simulated, and the project's own", fakeEngine{origins: [][]any{{"llac", "recorded", "1"}, {"simulator", "invented", "1"}}}, ""},
		{"no column", fakeEngine{columns: []string{"town_id"}}, "has no columns source_system and data_origin"},
		{"null", fakeEngine{origins: [][]any{{nil, "invented", "7"}}}, "7 rows without an origin"},
		{"a portal", fakeEngine{origins: [][]any{{"example.cat", "published", "2"}}},
			"have the source system example.cat, and its datasets are simulated"},
		{"the project's own alone", fakeEngine{origins: [][]any{{"llac", "recorded", "2"}}},
			"no row of dim_towns has the source system of towns"},
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

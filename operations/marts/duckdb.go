package marts

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/ledger"
)

//go:embed session.py
var program string

// The settings of the work database. A query has one thread, so that sums are added up and files are written in one order.
// dbt makes two models at a time. The project's profile sets the memory limit.
const (
	queryThreads = 1
	dbtThreads   = 2
)

// DuckDB makes models on this machine, in the managed Python environment.
type DuckDB struct {
	duckdb.Engine
	Place func(key string) string // returns the file of an object of the lake
}

var _ Engine = DuckDB{}

// Name returns "duckdb".
func (DuckDB) Name() string { return "duckdb" }

// Open starts one Python process for the whole session, because dbt takes seconds to load.
func (d DuckDB) Open(ctx context.Context, folder, project string) (Session, error) {
	var err error
	// dbt changes into the project's folder.
	if folder, err = filepath.Abs(folder); err == nil {
		project, err = filepath.Abs(project)
	}
	if err != nil {
		return nil, fmt.Errorf("find the folder of the build: %w", err)
	}
	s := &session{place: d.Place, python: d.Environment.Python(), log: filepath.Join(folder, "engine.log")}
	programs, err := duckdb.Programs(folder)
	if err != nil {
		return nil, err
	}
	if err := s.start(d.Environment.Command(ctx, "-c", program, programs)); err != nil {
		return nil, err
	}
	var packages []string
	for _, r := range duckdb.Requirements() {
		name, _, _ := strings.Cut(r, "==")
		packages = append(packages, name)
	}
	err = s.call(ctx, map[string]any{
		"do": "open", "folder": folder, "project": project, "schema": workSchema, "threads": dbtThreads, "packages": packages,
		"database": filepath.Join(folder, "marts.duckdb"),
		"settings": map[string]any{
			"threads": queryThreads, "temp_directory": filepath.Join(folder, "spill"), "autoinstall_known_extensions": false,
		},
	}, nil, &s.versions)
	if err != nil {
		_ = s.Close() // the first error is the cause
		return nil, err
	}
	return s, nil
}

// start starts the process, with its pipes and its log.
func (s *session) start(cmd *exec.Cmd) error {
	log, err := os.Create(s.log)
	if err != nil {
		return fmt.Errorf("make the log of the build: %w", err)
	}
	defer log.Close() // the process has its own handle
	s.cmd = cmd
	s.cmd.Stderr, s.cmd.WaitDelay = log, time.Second
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return fmt.Errorf("start the engine: %w", err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start the engine: %w", err)
	}
	s.out = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		return s.broken(err)
	}
	return nil
}

// BrokenError reports that the Python environment does not work: its Python or one of its packages is missing.
type BrokenError struct {
	Python string
	Err    error
}

func (e *BrokenError) Error() string {
	folder := filepath.Dir(filepath.Dir(e.Python))
	return fmt.Sprintf("run the Python environment in %s: it does not work: %v; remove that folder, and the next command installs it again",
		folder, e.Err)
}

func (e *BrokenError) Unwrap() error { return e.Err }

type session struct {
	cmd      *exec.Cmd
	in       io.WriteCloser
	out      *bufio.Reader
	place    func(string) string
	python   string
	log      string
	versions map[string]string
}

func (s *session) broken(err error) error {
	if b, readErr := os.ReadFile(s.log); readErr == nil {
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		if last := lines[len(lines)-1]; last != "" {
			err = fmt.Errorf("%w: %s", err, last)
		}
	}
	return &BrokenError{s.python, err}
}

// call sends one request and decodes its result into result, unless that is nil.
func (s *session) call(ctx context.Context, request map[string]any, progress func(json.RawMessage), result any) error {
	b, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode the request to the engine: %w", err)
	}
	if _, err := s.in.Write(append(b, '\n')); err != nil {
		return s.gone(ctx, err)
	}
	for {
		line, err := s.out.ReadBytes('\n')
		if err != nil {
			return s.gone(ctx, err)
		}
		var reply struct {
			Progress json.RawMessage `json:"progress"`
			Result   json.RawMessage `json:"result"`
			Error    *duckdb.Error   `json:"error"`
		}
		if err := json.Unmarshal(line, &reply); err != nil {
			return fmt.Errorf("read the engine's result: %w", err)
		}
		switch {
		case reply.Error != nil:
			return reply.Error
		case reply.Progress != nil:
			if progress != nil {
				progress(reply.Progress)
			}
		case result == nil:
			return nil
		default:
			decoder := json.NewDecoder(bytes.NewReader(reply.Result))
			decoder.UseNumber()
			if err := decoder.Decode(result); err != nil {
				return fmt.Errorf("read the engine's result: %w", err)
			}
			return nil
		}
	}
}

// gone returns the reason why the process no longer replies.
func (s *session) gone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) || errors.Is(err, syscall.EPIPE) {
		err = errors.New("the engine exited")
		if waited := s.cmd.Wait(); waited != nil {
			err = fmt.Errorf("the engine exited: %w", waited)
		}
	}
	return s.broken(err)
}

func (s *session) Close() error {
	_ = s.in.Close() // an idle process exits then
	if s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
	}
	_ = s.cmd.Wait() // its error is that it was killed
	return nil
}

func (s *session) Versions() map[string]string { return s.versions }

func (s *session) execute(ctx context.Context, statements []string) error {
	return s.call(ctx, map[string]any{"do": "sql", "statements": statements}, nil, nil)
}

func (s *session) Relate(ctx context.Context, relations []Relation) error {
	var statements []string
	for _, schema := range []string{stagingSchema, publishedSchema, workSchema} {
		statements = append(statements, "create schema if not exists "+schema)
	}
	for _, r := range relations {
		query := ""
		if r.Snapshot != nil {
			query = ledger.Exact(r.Snapshot, r.Contract, s.place)
		} else {
			query = Query(*r.Mart, s.place)
		}
		statements = append(statements, "create or replace view "+duckdb.Name(r.Schema)+"."+duckdb.Name(r.Name)+" as "+query)
	}
	return s.execute(ctx, statements)
}

func (s *session) Parse(ctx context.Context, vars map[string]any) (*Project, error) {
	p := &Project{}
	err := s.call(ctx, map[string]any{"do": "parse", "vars": vars}, nil, p)
	return p, err
}

func (s *session) Fill(ctx context.Context, models []string) error {
	var statements []string
	for _, m := range models {
		statements = append(statements, "create table "+workSchema+"."+duckdb.Name(m)+" as select * "+
			"from "+publishedSchema+"."+duckdb.Name(m))
	}
	if statements == nil {
		return nil
	}
	return s.execute(ctx, statements)
}

func (s *session) Build(ctx context.Context, selection []string, progress func(Step)) ([]Result, error) {
	var results []Result
	err := s.call(ctx, map[string]any{"do": "build", "select": selection}, func(raw json.RawMessage) {
		var p struct {
			Node string `json:"node"`
			Done int    `json:"done"`
		}
		if json.Unmarshal(raw, &p) == nil {
			progress(Step{Doing: "build", Done: p.Done, Name: p.Node})
		}
	}, &results)
	return results, err
}

func (s *session) Freshness(ctx context.Context, selection []string) ([]Age, error) {
	var ages []Age
	err := s.call(ctx, map[string]any{"do": "freshness", "select": selection}, nil, &ages)
	return ages, err
}

func (s *session) Docs(ctx context.Context) (string, error) {
	var page struct {
		File string `json:"file"`
	}
	err := s.call(ctx, map[string]any{"do": "docs"}, nil, &page)
	return page.File, err
}

func (s *session) Query(ctx context.Context, sql string, limit int) (duckdb.Rows, error) {
	var rows duckdb.Rows
	err := s.call(ctx, map[string]any{"do": "sql", "query": sql, "limit": limit}, nil, &rows)
	return rows, err
}

func (s *session) Export(ctx context.Context, model string, rows int64, order []string, metadata map[string]string, file string) error {
	by := make([]string, len(order))
	for i, column := range order {
		by[i] = duckdb.Name(column) + " nulls first"
	}
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		pairs = append(pairs, duckdb.Name(key)+": "+duckdb.Text(metadata[key]))
	}
	table := workSchema + "." + duckdb.Name(model)
	var cuts duckdb.Rows
	if rows > sortedRows {
		var err error
		if cuts, err = s.Query(ctx, cutsOf(table, order[0], sortedRows), 0); err != nil {
			return err
		}
	}
	sql := "copy (" + inOrder(table, order[0], strings.Join(by, ", "), cuts.Values) + ") to " + duckdb.Text(file) +
		" (format parquet, compression zstd, kv_metadata {" + strings.Join(pairs, ", ") + "})"
	return s.execute(ctx, []string{keepOrder, sql})
}

// keepOrder makes DuckDB keep the order of the parts of a union, whatever the project's profile sets.
const keepOrder = "set preserve_insertion_order = true"

// sortedRows is how many rows are sorted at a time: few enough that no sort spills to disk.
const sortedRows = 500_000

// cutsOf returns a query for ranges of a column, ascending, each of about the given number of rows. The ranges depend on the
// rows alone, so that the same rows give the same file.
func cutsOf(table, column string, rows int) string {
	name := duckdb.Name(column)
	return fmt.Sprintf(`select min(value)::varchar, max(value)::varchar, any_value(typeof(value)) from (
  select value, (sum(n) over (order by value) - n) // %d as part
  from (select %s as value, count(*) as n from %s where %[2]s is not null group by value)
) group by part order by part`, rows, name, table)
}

// inOrder returns a query that selects a table in the order of by, which begins with the column. It sorts range by range,
// because sorting everything at once takes twice as long when memory is short. It needs keepOrder.
func inOrder(table, column, by string, cuts [][]any) string {
	if len(cuts) < 2 {
		return "select * from " + table + " order by " + by
	}
	name := duckdb.Name(column)
	ranges := []string{name + " is null"}
	for _, cut := range cuts {
		least, most, kind := duckdb.Text(fmt.Sprint(cut[0])), duckdb.Text(fmt.Sprint(cut[1])), fmt.Sprint(cut[2])
		ranges = append(ranges, name+" between cast("+least+" as "+kind+") and cast("+most+" as "+kind+")")
	}
	for i, r := range ranges {
		ranges[i] = "(select * from " + table + " where " + r + " order by " + by + ")"
	}
	return strings.Join(ranges, " union all ")
}

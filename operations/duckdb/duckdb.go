package duckdb

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/llac-project/llac/platform/local/python"
)

//go:embed requirements.txt
var requirements string

//go:embed programs
var programs embed.FS

// Requirements are the packages of the environment, as pip writes them.
func Requirements() []string { return strings.Fields(requirements) }

// Engine is the environment, installed.
type Engine struct{ Environment python.Environment }

// Open answers the engine and installs it where it is missing; progress gets a line a step then. A machine without Python
// is told by *python.NoPythonError.
func Open(ctx context.Context, progress io.Writer) (Engine, error) {
	e, err := python.Ensure(ctx, "marts", Requirements(), progress)
	if err != nil {
		return Engine{}, err
	}
	return Engine{e}, nil
}

// Job is what one process of the engine does: the statements in order, then the query.
type Job struct {
	Database   string         `json:"database,omitempty"` // a file; empty: in memory
	ReadOnly   bool           `json:"read_only,omitempty"`
	Settings   map[string]any `json:"settings,omitempty"` // DuckDB's configuration: threads, memory_limit
	Statements []string       `json:"statements,omitempty"`
	Query      string         `json:"query,omitempty"`
	Limit      int            `json:"limit,omitempty"` // rows to answer at the most; 0: all
}

// Rows is the answer to a job's query. Values are nil, bool, json.Number, or the database's text of anything else.
type Rows struct {
	Columns []Column `json:"columns"`
	Values  [][]any  `json:"rows"`
	More    bool     `json:"more"` // there are more than the limit
}

// Column is one column of an answer, its type in DuckDB's words.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Error is a statement that DuckDB refused.
type Error struct {
	Kind      string `json:"kind"` // DuckDB's class: ParserException, CatalogException, …
	Message   string `json:"message"`
	Statement string `json:"statement"`

	// Of a look.
	Code string `json:"code"` // refused (by DuckDB), read_only, missing, usage, interrupted
	Hint string `json:"hint"` // what to do about it
}

func (e *Error) Error() string { return e.Message }

// Run runs a job. The error is *Error where DuckDB refused a statement.
func (e Engine) Run(ctx context.Context, job Job) (Rows, error) {
	var answer struct {
		Rows
		Error *Error `json:"error"`
	}
	if err := e.program(ctx, "run", job, &answer, Streams{}); err != nil {
		return Rows{}, err
	}
	if answer.Error != nil {
		return Rows{}, answer.Error
	}
	return answer.Rows, nil
}

// Streams are those of a program. The zero value gives it nothing to read and drops what it writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// The files of a program's folder.
const (
	jobName    = "job.json"
	reportName = "report.json"
	spillName  = "spill" // what does not fit into memory
)

// program runs one of the Python programs: it gets job, and what it reports is decoded into report. Where ctx ends it is
// interrupted, and killed when it does not heed that.
func (e Engine) program(ctx context.Context, name string, job, report any, s Streams) (err error) {
	folder, err := os.MkdirTemp("", "llac-duckdb-")
	if err != nil {
		return fmt.Errorf("make a folder for DuckDB: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if j, ok := job.(spilling); ok {
		spill := filepath.Join(folder, spillName)
		if err := os.Mkdir(spill, 0o700); err != nil {
			return fmt.Errorf("make a folder for DuckDB: %w", err)
		}
		j.spillTo(spill)
	}
	in, err := json.Marshal(job)
	if err != nil {
		return fmt.Errorf("encode the job for DuckDB: %w", err)
	}
	if err := os.CopyFS(folder, programs); err != nil {
		return fmt.Errorf("lay out the programs for DuckDB: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, jobName), in, 0o600); err != nil {
		return fmt.Errorf("write the job for DuckDB: %w", err)
	}
	// Isolated, so that no file of the folder we stand in is taken for a module.
	c := e.Environment.Command(ctx, "-I", "-B", "-X", "utf8", "-c", "import sys; sys.path.insert(0, sys.argv[1] + '/programs'); import main; main.main()", folder, name)
	c.Stdin, c.Stdout, c.WaitDelay = s.In, s.Out, time.Second
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	said := &lastLine{}
	c.Stderr = said
	if s.Err != nil {
		c.Stderr = s.Err
	}
	failed := c.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	out, err := os.ReadFile(filepath.Join(folder, reportName))
	if failed != nil || err != nil {
		return fmt.Errorf("run DuckDB in %s: %w%s; remove that folder to have it made anew", e.Environment.Python(), cmp.Or(failed, err), said)
	}
	decoder := json.NewDecoder(bytes.NewReader(out))
	decoder.UseNumber()
	if err := decoder.Decode(report); err != nil {
		return fmt.Errorf("read DuckDB's answer: %w", err)
	}
	return nil
}

// spilling is a job that is told where to put what does not fit into memory.
type spilling interface{ spillTo(folder string) }

// lastLine keeps the end of what a process writes to its standard error.
type lastLine struct{ b []byte }

func (l *lastLine) Write(p []byte) (int, error) {
	l.b = append(l.b, p...)
	l.b = l.b[max(0, len(l.b)-4096):]
	return len(p), nil
}

func (l *lastLine) String() string {
	lines := strings.Split(strings.TrimSpace(string(l.b)), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return ": " + last
	}
	return ""
}

// Text quotes a text as SQL writes it.
func Text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Files is a call that reads exactly these Parquet files, all of whose columns are inside; options follow as they are.
func Files(files []string, options ...string) string {
	quoted := make([]string, len(files))
	for i, f := range files {
		quoted[i] = Text(f)
	}
	arguments := append([]string{"[" + strings.Join(quoted, ", ") + "]", "hive_partitioning = false"}, options...)
	return "read_parquet(" + strings.Join(arguments, ", ") + ")"
}

// Name quotes a name as SQL writes it.
func Name(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

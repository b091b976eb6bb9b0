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

// Requirements returns the packages of the environment, as pip writes them.
func Requirements() []string { return strings.Fields(requirements) }

// Engine is the installed environment.
type Engine struct{ Environment python.Environment }

// Open returns the engine and installs it first if necessary; progress then receives one line per step. On a machine without
// Python the error is a *python.NoPythonError.
func Open(ctx context.Context, progress io.Writer) (Engine, error) {
	e, err := python.Ensure(ctx, "marts", Requirements(), progress)
	if err != nil {
		return Engine{}, err
	}
	return Engine{e}, nil
}

// Job is what one process of the engine runs: the statements in order, then the query.
type Job struct {
	Database   string         `json:"database,omitempty"` // a file; empty: in memory
	ReadOnly   bool           `json:"read_only,omitempty"`
	Settings   map[string]any `json:"settings,omitempty"` // DuckDB's configuration: threads, memory_limit
	Statements []string       `json:"statements,omitempty"`
	Query      string         `json:"query,omitempty"`
	Limit      int            `json:"limit,omitempty"` // maximum number of rows; 0 means all
}

// Rows is the result of a query. Values are nil, bool, json.Number, or the database's text for any other type.
type Rows struct {
	Columns []Column `json:"columns"`
	Values  [][]any  `json:"rows"`
	More    bool     `json:"more"` // the limit left rows out
}

// Column is a column of a result, with DuckDB's name of its type.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Error reports a statement that failed or was refused.
type Error struct {
	Kind      string `json:"kind"` // DuckDB's exception: ParserException, CatalogException, …
	Message   string `json:"message"`
	Statement string `json:"statement"`

	// Only Look and Export set these.
	Code string `json:"code"` // refused (by DuckDB), read_only, missing, usage, interrupted
	Hint string `json:"hint"` // what to do
}

func (e *Error) Error() string { return e.Message }

// Run runs a job. The error is an *Error if DuckDB refused a statement.
func (e Engine) Run(ctx context.Context, job Job) (Rows, error) {
	var report struct {
		Rows
		Error *Error `json:"error"`
	}
	if err := e.program(ctx, "run", job, &report, Streams{}); err != nil {
		return Rows{}, err
	}
	if report.Error != nil {
		return Rows{}, report.Error
	}
	return report.Rows, nil
}

// Streams are the streams of a program. The zero value has nothing to read and discards output.
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

// program runs one of the Python programs on a job and decodes its report. When ctx ends, the program is interrupted, and
// killed if it does not stop.
func (e Engine) program(ctx context.Context, name string, job, report any, s Streams) (err error) {
	folder, err := os.MkdirTemp("", "llac-duckdb-")
	if err != nil {
		return fmt.Errorf("make a folder for DuckDB: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if err := prepare(folder, job); err != nil {
		return err
	}
	// Isolated, so that no file of the current folder is imported as a module.
	const start = "import sys; sys.path.insert(0, sys.argv[1] + '/programs'); import main; main.main()"
	c := e.Environment.Command(ctx, "-I", "-B", "-X", "utf8", "-c", start, folder, name)
	c.Stdin, c.Stdout, c.WaitDelay = s.In, s.Out, time.Second
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	last := &lastLine{}
	c.Stderr = last
	if s.Err != nil {
		c.Stderr = s.Err
	}
	failed := c.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	out, err := os.ReadFile(filepath.Join(folder, reportName))
	if failed != nil || err != nil {
		return fmt.Errorf("run DuckDB in %s: %w%s; remove that folder, and the next command installs it again",
			e.Environment.Python(), cmp.Or(failed, err), last)
	}
	decoder := json.NewDecoder(bytes.NewReader(out))
	decoder.UseNumber()
	if err := decoder.Decode(report); err != nil {
		return fmt.Errorf("read DuckDB's report: %w", err)
	}
	return nil
}

// prepare writes the job and the programs into a folder.
func prepare(folder string, job any) error {
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
	if _, err := Programs(folder); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, jobName), in, 0o600); err != nil {
		return fmt.Errorf("write the job for DuckDB: %w", err)
	}
	return nil
}

// Programs copies the Python programs into a folder and returns their folder. A program of another package finds database.py
// there, the one place that opens DuckDB.
func Programs(folder string) (string, error) {
	if err := os.CopyFS(folder, programs); err != nil {
		return "", fmt.Errorf("copy the programs for DuckDB: %w", err)
	}
	return filepath.Join(folder, "programs"), nil
}

// spilling is a job that needs a folder for what does not fit into memory.
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

// Text returns a text as an SQL literal.
func Text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Files returns a call that reads exactly these Parquet files, which hold all of their columns. Options are added unchanged.
func Files(files []string, options ...string) string {
	quoted := make([]string, len(files))
	for i, f := range files {
		quoted[i] = Text(f)
	}
	arguments := append([]string{"[" + strings.Join(quoted, ", ") + "]", "hive_partitioning = false"}, options...)
	return "read_parquet(" + strings.Join(arguments, ", ") + ")"
}

// Name returns a name as a quoted SQL identifier.
func Name(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

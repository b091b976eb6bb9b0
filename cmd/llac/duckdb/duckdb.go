package duckdb

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/llac-project/llac/platform/local/python"
)

//go:embed requirements.txt
var requirements string

//go:embed run.py
var program string

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
}

func (e *Error) Error() string { return e.Message }

// Run runs a job. The error is *Error where DuckDB refused a statement.
func (e Engine) Run(ctx context.Context, job Job) (Rows, error) {
	in, err := json.Marshal(job)
	if err != nil {
		return Rows{}, fmt.Errorf("encode the job for DuckDB: %w", err)
	}
	c := e.Environment.Command(ctx, "-c", program)
	c.Stdin = bytes.NewReader(in)
	out, err := c.Output()
	if ctx.Err() != nil {
		return Rows{}, context.Cause(ctx)
	}
	if err != nil {
		return Rows{}, fmt.Errorf("run DuckDB in %s: %w%s; remove that folder to have it made anew", e.Environment.Python(), err, tail(err))
	}
	var answer struct {
		Rows
		Error *Error `json:"error"`
	}
	decoder := json.NewDecoder(bytes.NewReader(out))
	decoder.UseNumber()
	if err := decoder.Decode(&answer); err != nil {
		return Rows{}, fmt.Errorf("read DuckDB's answer: %w", err)
	}
	if answer.Error != nil {
		return Rows{}, answer.Error
	}
	return answer.Rows, nil
}

// tail is the last line that a failed process wrote to its standard error.
func tail(err error) string {
	exit, ok := err.(*exec.ExitError)
	if !ok {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(exit.Stderr)), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return ": " + last
	}
	return ""
}

// Text quotes a text as SQL writes it.
func Text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Name quotes a name as SQL writes it.
func Name(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

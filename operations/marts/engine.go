package marts

import (
	"context"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// The schemas of the work database, as the dbt project knows them.
const (
	stagingSchema   = "staging"   // a relation a snapshot
	publishedSchema = "published" // the marts that readers see now
	workSchema      = "work"      // what a build makes
)

// Engine is where models are made and tested. There is one, DuckDB on this machine. One over Athena makes the same
// relations as Glue tables, runs the same dbt project with its athena target, and hands over the files by UNLOAD.
type Engine interface {
	// Name is for the record.
	Name() string
	// Open begins a session over an empty database; folder is empty and is for the session's files. Close ends it.
	Open(ctx context.Context, folder, project string) (Session, error)
}

// Session is one build's use of an engine. Its calls are made one after the other.
type Session interface {
	// Versions are those of the packages that do the work.
	Versions() map[string]string
	// Relate makes what the models read.
	Relate(ctx context.Context, relations []Relation) error
	// Parse has dbt read the project under the variables and answers what is in it.
	Parse(ctx context.Context, vars map[string]any) (*Project, error)
	// Fill copies published marts into the work schema, where incremental models go on from them.
	Fill(ctx context.Context, models []string) error
	// Build makes and tests what is selected; nothing selected means all.
	Build(ctx context.Context, selection []string, progress func(Step)) ([]Result, error)
	// Freshness measures how old the sources are.
	Freshness(ctx context.Context, selection []string) ([]Age, error)
	// Docs writes one page about the project and answers its file.
	Docs(ctx context.Context) (file string, err error)
	// Query answers up to limit rows; 0 means all.
	Query(ctx context.Context, sql string, limit int) (duckdb.Rows, error)
	// Export writes a model of the work schema, of so many rows, to a Parquet file of this machine, in the order of columns,
	// with metadata in its footer. The same rows give the same bytes but for the footer.
	Export(ctx context.Context, model string, rows int64, order []string, metadata map[string]string, file string) error
	Close() error
}

// Relation is something that models read: a snapshot of a dataset or a published mart.
type Relation struct {
	Schema, Name string
	Snapshot     *lake.Pointer // with Contract
	Contract     *contract.Contract
	Mart         *lake.Mart // else
}

// Project is what dbt has read.
type Project struct {
	Nodes []Node `json:"nodes"`
}

// Node is one thing of the project.
type Node struct {
	ID           string            `json:"id"`
	Type         string            `json:"type"` // model, test, unit_test, source, seed, …
	Name         string            `json:"name"`
	Source       string            `json:"source"` // name of the dbt source that a source belongs to
	DependsOn    []string          `json:"depends_on"`
	Description  string            `json:"description"`
	Materialized string            `json:"materialized"`
	Path         string            `json:"path"`
	Meta         map[string]any    `json:"meta"`
	Columns      map[string]string `json:"columns"`  // of a model: descriptions by name
	Checksum     string            `json:"checksum"` // of a model's SQL
	Test         string            `json:"test"`     // of a generic test: which
	Column       string            `json:"column"`   // of a test of one column
}

// Step is how far a build is.
type Step struct {
	Doing string // "parse", "build", "export"
	Done  int
	Total int    // 0: not known
	Name  string // what is being made now
}

// Result is what became of a node in a build.
type Result struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Type     string  `json:"type"`
	Status   string  `json:"status"` // success, pass, warn, fail, error, skipped
	Message  string  `json:"message"`
	Failures int     `json:"failures"`
	Seconds  float64 `json:"seconds"`
	Query    string  `json:"query"` // of a test that did not pass: selects the rows that are wrong
}

// Bad says whether the result stops publication.
func (r Result) Bad() bool {
	switch r.Status {
	case "success", "pass", "warn", "no-op":
		return false
	}
	return true
}

// Age is how old a source is by its contract: "pass", "warn" or "error".
type Age struct {
	Dataset string  `json:"dataset"`
	Status  string  `json:"status"`
	Seconds float64 `json:"age_seconds"`
	Message string  `json:"message,omitempty"`
}

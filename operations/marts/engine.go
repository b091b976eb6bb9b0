package marts

import (
	"context"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// The schemas of the work database. The dbt project uses the same names.
const (
	stagingSchema   = "staging"   // one relation per snapshot
	publishedSchema = "published" // the marts that readers see now
	workSchema      = "work"      // what a build makes
)

// Engine makes and tests models. DuckDB on this machine is the only one. An engine on Athena would make the same relations as
// Glue tables, run the same dbt project with its athena target, and export the files with UNLOAD.
type Engine interface {
	// Name returns the name that goes into the record.
	Name() string
	// Open starts a session on an empty database. folder is empty and takes the session's files.
	Open(ctx context.Context, folder, project string) (Session, error)
}

// Session is one build's use of an engine. The caller makes one call at a time.
type Session interface {
	// Versions returns the versions of the engine's packages.
	Versions() map[string]string
	// Relate creates the relations that models read.
	Relate(ctx context.Context, relations []Relation) error
	// Parse has dbt read the project with the variables, and returns its nodes.
	Parse(ctx context.Context, vars map[string]any) (*Project, error)
	// Fill copies published marts into the work schema, where incremental models add to them.
	Fill(ctx context.Context, models []string) error
	// Build makes and tests the selection; an empty selection means everything.
	Build(ctx context.Context, selection []string, progress func(Step)) ([]Result, error)
	// Freshness measures how old the sources are.
	Freshness(ctx context.Context, selection []string) ([]Age, error)
	// Docs writes one page about the project and returns its file.
	Docs(ctx context.Context) (file string, err error)
	// Query returns at most limit rows; 0 means no limit.
	Query(ctx context.Context, sql string, limit int) (duckdb.Rows, error)
	// Export writes a model of the work schema, which has the given number of rows, to a Parquet file on this machine. Rows are
	// sorted by the columns of order; metadata goes into the footer. The same rows give the same bytes except for the footer.
	Export(ctx context.Context, model string, rows int64, order []string, metadata map[string]string, file string) error
	// Close ends the session.
	Close() error
}

// Relation is what a model reads: a snapshot of a dataset or a published mart.
type Relation struct {
	Schema, Name string
	Snapshot     *lake.Pointer      // nil for a mart
	Contract     *contract.Contract // of the snapshot
	Mart         *lake.Mart         // nil for a snapshot
}

// Project is the dbt project as dbt reads it.
type Project struct {
	Nodes []Node `json:"nodes"`
}

// Node is one node of the project.
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
	Columns      map[string]string `json:"columns"`      // of a model: descriptions by name
	Checksum     string            `json:"checksum"`     // of a model's SQL
	Test         string            `json:"test"`         // of a generic test: its name
	TestColumns  []string          `json:"test_columns"` // of a generic test: the columns that it tests
	Where        string            `json:"where"`        // of a test: the condition on the rows that it tests
}

// Step is the progress of a build.
type Step struct {
	Doing string // "parse", "build", "export"
	Done  int
	Total int    // 0: unknown
	Name  string // what is being made now
}

// Result is the outcome of a node in a build.
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

// isTest reports whether the node is a test.
func (r Result) isTest() bool { return r.Type == "test" || r.Type == "unit_test" }

// IsBad reports whether the result prevents publication.
func (r Result) IsBad() bool {
	switch r.Status {
	case "success", "pass", "warn", "no-op":
		return false
	}
	return true
}

// Age is the age of a source, judged by its contract: "pass", "warn" or "error".
type Age struct {
	Dataset string  `json:"dataset"`
	Status  string  `json:"status"`
	Seconds float64 `json:"age_seconds"`
	Message string  `json:"message,omitempty"`
}

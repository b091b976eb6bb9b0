package engine

import (
	"context"
	"io"
	"strings"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// Engine stages one run. An error that says Permanent() is final; the outputs of a failed call are worthless and
// nobody has been told of them.
type Engine interface {
	Stage(ctx context.Context, in Input, out Sink) (Result, error)
}

// Input is what one run is made from.
type Input struct {
	Contract *contract.Contract
	Slice    string // the run's slice; empty when the dataset is not sliced
	Lineage  Lineage
	Pages    []Page // in page order
}

// Page is one raw page. Read may be called more than once and answers the same bytes each time.
type Page struct {
	Key    string // landing key: the quarantine and the lineage name the page by it
	SHA256 string // lower-case hex of the bytes
	URL    string // where it came from: becomes source_url; empty: the lineage's
	Rows   int64  // rows the manifest counts in it; -1: not known
	Read   func(ctx context.Context) ([]byte, error)
}

// Lineage is what every row of a run has in common.
type Lineage struct {
	Source          string // who is to be cited: the source's own attribution line, or its host
	SourceSystem    string // the portal's host, "simulator", or "unofficial:<host>" (invariant 11)
	SourceURL       string // for a person: where the dataset is described
	SourceUpdatedAt string // as the source wrote it; empty: unknown
	Slot            string // the run's slot: becomes ingested_process_at
	RunID           string // becomes correlation_id
}

// Sink takes an engine's output files. It may be used by several goroutines at once.
type Sink interface {
	Create(ctx context.Context, o Output) (File, error)
}

// Output names one output file: the rows of one partition, or the quarantine.
type Output struct {
	Quarantine bool
	Partition  []lake.PartitionValue // in contract order; empty when the dataset is not partitioned
}

// File is an output being written. Nothing is visible before Commit; exactly one of Commit and Abort ends it.
type File interface {
	io.Writer
	Commit(ctx context.Context) error
	Abort()
}

// Result is what became of a run's rows: RowsIn = Staged + Duplicates + Quarantined.
type Result struct {
	RowsIn      int64
	Staged      int64
	Duplicates  int64
	Quarantined int64
	ByReason    map[string]int64 // quarantined rows by code; nil when there are none
	Files       []FileResult     // staged files in partition order, then the quarantine when there is one
}

// FileResult is one committed file.
type FileResult struct {
	Output
	Rows  int64
	Bytes int64
}

// SimulatorSystem is the source system of rows that no portal ever served (invariant 11).
const SimulatorSystem = "simulator"

// simulated says whether a source system is no official portal: a simulator, or a server that only speaks a portal's
// protocol ("unofficial:<host>").
func simulated(system string) bool {
	return system == SimulatorSystem || strings.HasPrefix(system, "unofficial:")
}

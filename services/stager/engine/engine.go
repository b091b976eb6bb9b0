package engine

import (
	"context"
	"io"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/services/stager/matching"
)

// Options configure how a run is staged. Only Level changes the output's bytes.
type Options struct {
	Memory    int64          // memory limit of the process in bytes, 0 means DefaultMemory; the rest goes to Temporary
	Level     int            // zstd level; 0 means DefaultLevel
	Workers   int            // goroutines that parse pages; 0 means one per processor, as far as Memory allows
	Temporary string         // folder for data beyond Memory; empty means the system's temporary folder
	Progress  func(Progress) // called after each page, never concurrently; nil: progress is not reported
}

// Defaults of Options.
const (
	DefaultMemory = 256 << 20
	DefaultLevel  = 1
)

// Progress reports how far a run has advanced.
type Progress struct {
	Pages int   // read so far; starts again at 0 when a run has to read its pages twice
	Of    int   // pages of the run
	Rows  int64 // rows in the pages read
	Bytes int64 // bytes of the pages read
}

// Input is everything that determines the result of one run.
type Input struct {
	Contract *contract.Contract
	Slice    string // the run's slice; empty when the dataset is not sliced
	Lineage  Lineage
	Pages    []Page // in page order

	// Finders look up matched names in a reference dataset, by the name of the matched column. Invariant 6: their
	// results determine the run's bytes too.
	Finders map[string]matching.Finder

	// Validated declares that every page was read to its end before. A page that cannot be read is then not the page
	// that was validated, or this build parses pages differently: the run fails. Otherwise the rest of the page is
	// quarantined.
	Validated bool
}

// Page is one raw page. Read may be called more than once, and concurrently for several pages. It returns the same
// bytes each time, in into if they fit.
type Page struct {
	Key    string // landing key, or the name of a file, for errors
	SHA256 string // lower-case hex digest of the bytes; empty if unknown, and then empty in the quarantine
	Rows   int64  // rows according to the manifest; -1 if unknown
	Size   int64  // bytes; 0 if unknown
	Read   func(ctx context.Context, into []byte) ([]byte, error)
}

// Lineage is what all rows of a run have in common.
type Lineage struct {
	Source          string // the source to cite: its own attribution line, or its host
	SourceSystem    string // the portal's host, "simulator", or "unofficial:<host or way>" (invariant 11)
	SourceURL       string // page that describes the dataset to people, for the files' footers
	SourceUpdatedAt string // as the source wrote it; empty if unknown
	Slot            string // the run's slot, which becomes ingested_process_at
	RunID           string // becomes correlation_id
}

// Sink creates the output files of a run. It must be safe for concurrent use.
type Sink interface {
	Create(ctx context.Context, o Output) (File, error)
}

// Output identifies one output file: the rows of one partition, or the quarantine.
type Output struct {
	Quarantine bool
	Partition  []lake.PartitionValue // in contract order; empty when the dataset is not partitioned
}

// File is an output file being written. Nothing is visible before Commit. The engine calls exactly one of Commit and
// Abort.
type File interface {
	io.Writer
	Commit(ctx context.Context) error
	Abort()
}

// Result counts what happened to a run's rows: RowsIn = Staged + Duplicates + Quarantined. Its cells are those of the staged
// rows.
type Result struct {
	RowsIn      int64
	Staged      int64
	Duplicates  int64
	Quarantined int64
	ByReason    map[string]int64      // quarantined rows by code; nil if none
	Cells       map[string]lake.Cells // by column, those with a count above 0; nil if none
	CellReasons map[string]int64      // refused cells by code; nil if none
	Warnings    map[string]int64      // staged rows by the code of a row rule that only warns; nil if none
	Files       []FileResult          // staged files in partition order, then the quarantine if there is one
}

// Refused returns the number of refused cells.
func (r Result) Refused() int64 { return lake.TotalCells(r.Cells).Refused }

// FileResult is one committed file.
type FileResult struct {
	Output
	Rows  int64
	Bytes int64
}

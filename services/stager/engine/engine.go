package engine

import (
	"context"
	"io"
	"strings"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/services/stager/matching"
)

// Options say how a run is staged. None of them changes a byte of the output but Level.
type Options struct {
	Memory    int64          // bytes the process is to stay within; 0: DefaultMemory. What does not fit goes to Temporary
	Level     int            // zstd level; 0: DefaultLevel
	Workers   int            // goroutines that read pages; 0: one a processor, as far as Memory allows
	Temporary string         // folder for what does not fit into Memory; empty: the system's
	Progress  func(Progress) // called after each page, by one goroutine at a time; nil: nobody asks
}

// The defaults of Options.
const (
	DefaultMemory = 256 << 20
	DefaultLevel  = 1
)

// Progress is how far a run is.
type Progress struct {
	Pages int   // read so far; a run that has to read them again begins again at 0
	Of    int   // pages of the run
	Rows  int64 // in the pages read
	Bytes int64 // of the pages read
}

// Input is what one run is made from.
type Input struct {
	Contract *contract.Contract
	Slice    string // the run's slice; empty when the dataset is not sliced
	Lineage  Lineage
	Pages    []Page // in page order

	// Finders are the references made ready, by the column that is matched with one. Invariant 6: their answers are part of
	// what a run's bytes come from.
	Finders map[string]matching.Finder

	// Validated says that every page has been read to its end before. One that cannot be is then not the page that was
	// validated, or this build reads pages differently: the run fails. Otherwise the rest of the page is quarantined.
	Validated bool
}

// Page is one raw page. Read may be called more than once, and for several pages at once; it answers the same bytes each
// time, in into when they fit there.
type Page struct {
	Key    string // landing key: the quarantine and the lineage name the page by it
	SHA256 string // lower-case hex of the bytes; empty: nobody has hashed them, and the quarantine cannot say it
	URL    string // where it came from: becomes source_url; empty: the lineage's
	Rows   int64  // rows the manifest counts in it; -1: not known
	Size   int64  // bytes; 0: not known
	Read   func(ctx context.Context, into []byte) ([]byte, error)
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

// Simulated says whether a source system is no official portal: a simulator, or a server that only speaks a portal's
// protocol ("unofficial:<host>").
func Simulated(system string) bool {
	return system == SimulatorSystem || strings.HasPrefix(system, "unofficial:")
}

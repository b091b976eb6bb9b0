// Package staging stages the JSON pages of a folder into Parquet files with the stager's engine, without a lake.
//
// What must hold: the same pages give the same bytes as in the lake; the output appears whole or not at all; rows of files
// that no portal is known to have sent are marked (invariant 11).
package staging

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/llac-project/llac/operations/fault"
	"github.com/llac-project/llac/operations/folder"
	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/memory"
	"github.com/llac-project/llac/services/stager/engine"
)

const (
	// BadPage is the reason code of the rest of a page after the fault that makes it unreadable.
	BadPage = "bad_page"
	// MaxWorkers is the highest number of workers; each needs memory of its own, and fewer are enough.
	MaxWorkers = 256
)

// Unofficial is the source system of rows that come from files: no portal is known to have sent them (invariant 11).
var Unofficial = string(lake.UnofficialOrigin("folder"))

// Options select what is staged, and how.
type Options struct {
	Contract     string // path of the dataset's contract
	In, Out      string // folders of the pages and of the output
	Memory       memory.Size
	Level        int // zstd level of the Parquet files
	Workers      int // pages read at the same time; 0: one per processor
	Slice        string
	Run          string   // run id that the rows name
	SourceSystem string   // host of the portal that served the pages
	References   []string // "dataset=path" of staged files that columns are matched with
	Unmatched    bool     // leave columns null that have no reference
	Force        bool     // replace an earlier output

	Command func(words string) string // returns a command line to type next

	Clock    clock.Clock
	Progress func(dataset string, p engine.Progress, elapsed time.Duration)

	// LimitMemory makes the process keep to a budget, PeakMemory returns the most it has used, both in bytes; nil: not done.
	LimitMemory func(budget int64)
	PeakMemory  func() int64
}

// Result describes a staging.
type Result struct {
	Dataset        string           `json:"dataset"`
	SourceSystem   string           `json:"source_system"`
	Simulated      bool             `json:"simulated"` // invariant 11
	Pages          int              `json:"pages"`
	MalformedPages int64            `json:"malformed_pages"`
	RowsIn         int64            `json:"rows_in"`
	Staged         int64            `json:"staged"`
	Duplicates     int64            `json:"duplicates"`
	Quarantined    int64            `json:"quarantined"`
	ByReason       map[string]int64 `json:"by_reason"`
	Refused        int64            `json:"refused_cells"`
	RefusedBy      map[string]int64 `json:"refused_by_reason"`
	Files          int              `json:"files"`     // of staging
	BytesIn        int64            `json:"bytes_in"`  // of the pages, uncompressed
	BytesOut       int64            `json:"bytes_out"` // of the files of staging
	Seconds        float64          `json:"seconds"`
	PeakRSS        int64            `json:"peak_rss_bytes,omitempty"` // of the process; omitted if the system does not report it
	MemoryBudget   int64            `json:"memory_budget_bytes"`

	References map[string]string `json:"references,omitempty"` // by dataset: the path that columns were matched with
	Unmatched  []string          `json:"unmatched,omitempty"`  // columns that are null because they have no reference

	Staging    string   `json:"staging,omitempty"`    // folder; omitted if no row was staged
	Quarantine string   `json:"quarantine,omitempty"` // file; omitted if no row was quarantined
	Query      string   `json:"query,omitempty"`      // DuckDB SQL that reads the folder
	Warnings   []string `json:"warnings"`
}

// Stage stages the pages of a folder. The error is a *fault.Error; it wraps contract.Problems for an invalid contract.
func Stage(ctx context.Context, o Options) (Result, error) {
	if err := o.check(); err != nil {
		return Result{}, err
	}
	c, err := o.readContract()
	if err != nil {
		return Result{}, err
	}
	if o.LimitMemory != nil {
		o.LimitMemory(int64(o.Memory))
	}
	matched, err := openReferences(o, c)
	if err != nil {
		return Result{}, err
	}
	pages, err := openPages(o)
	if err != nil {
		return Result{}, err
	}
	if err := o.checkPages(c, pages); err != nil {
		return Result{}, err
	}
	out, err := folder.Create(o.Out, c.Dataset, o.Force)
	if errors.Is(err, folder.ErrExists) {
		return Result{}, fault.New(fault.Exists, err, "use --force to replace it, or another --out")
	}
	if err != nil {
		return Result{}, fault.New(fault.Failed, fmt.Errorf("create the output: %w", err), "--out names a folder that can be written to")
	}
	result, err := o.stage(ctx, c, matched, pages, out)
	if err != nil {
		if discardErr := out.Discard(); discardErr != nil && !errors.Is(err, discardErr) {
			err = errors.Join(err, discardErr)
		}
		return Result{}, o.failure(ctx, err)
	}
	return result, nil
}

func openPages(o Options) (*folder.Pages, error) {
	pages, err := folder.Open(o.In, int64(o.Memory)/4)
	switch {
	case errors.Is(err, folder.ErrNoPages):
		return nil, fault.New(fault.NotFound, err,
			"--in names the folder that contains the "+format.List(patterns(folder.Suffixes))+" files; subfolders are not read")
	case errors.Is(err, folder.ErrTwice):
		return nil, fault.New(fault.Usage, err, "remove one of the two")
	case err != nil:
		return nil, fault.New(fault.Usage, fmt.Errorf("read the pages: %w", err),
			"--in names the folder of the pages, which must be readable")
	}
	return pages, nil
}

// patterns turns suffixes into patterns of file names.
func patterns(suffixes []string) []string {
	out := make([]string, len(suffixes))
	for i, s := range suffixes {
		out[i] = "*" + s
	}
	return out
}

// stage stages the pages and publishes the output.
func (o Options) stage(ctx context.Context, c *contract.Contract, matched references, pages *folder.Pages, out *folder.Output) (Result,
	error) {
	started := o.Clock.Now()
	staged, err := engine.Stage(ctx, engine.Input{
		Contract: c, Slice: o.Slice, Pages: pages.Pages, Finders: matched.finders,
		Lineage: engine.Lineage{Source: o.SourceSystem, SourceSystem: o.SourceSystem, Slot: o.slot(), RunID: o.Run},
	}, out, engine.Options{
		Memory: int64(o.Memory), Level: o.Level, Workers: o.Workers, Temporary: out.Temporary(),
		Progress: func(p engine.Progress) { o.Progress(c.Dataset, p, o.Clock.Now().Sub(started)) },
	})
	if err == nil {
		err = ctx.Err() // interrupted at the very end: no output may appear
	}
	if err == nil {
		err = out.Publish()
	}
	if err != nil {
		return Result{}, err
	}
	r := Result{
		Dataset: c.Dataset, SourceSystem: o.SourceSystem, Simulated: lake.Origin(o.SourceSystem).Simulated(), Pages: len(pages.Pages),
		MalformedPages: staged.ByReason[BadPage], RowsIn: staged.RowsIn, Staged: staged.Staged, Duplicates: staged.Duplicates,
		Quarantined: staged.Quarantined, ByReason: staged.ByReason, BytesIn: pages.Bytes(), Seconds: o.Clock.Now().Sub(started).Seconds(),
		MemoryBudget: int64(o.Memory), References: matched.paths, Unmatched: matched.unmatched, Warnings: []string{},
	}
	if r.ByReason == nil {
		r.ByReason = map[string]int64{}
	}
	r.Refused, r.RefusedBy = staged.Refused(), staged.CellReasons
	if r.RefusedBy == nil {
		r.RefusedBy = map[string]int64{}
	}
	r.files(c, staged, out)
	if o.PeakMemory != nil {
		r.PeakRSS = o.PeakMemory()
	}
	r.warn()
	return r, nil
}

// slot returns the slot of the run id; a run id that has none is its own slot.
func (o Options) slot() string {
	id := lake.ParseRunID(o.Run)
	if _, err := lake.ParseSlot(id.Slot); err == nil {
		return id.Slot
	}
	return o.Run
}

// files records the files of the output.
func (r *Result) files(c *contract.Contract, staged engine.Result, out *folder.Output) {
	for _, f := range staged.Files {
		if f.Quarantine {
			r.Quarantine = out.Path(f.Output)
			continue
		}
		r.Files++
		r.BytesOut += f.Bytes
		r.Staging = out.Staging()
		r.Query = ledger.Query(c, filepath.ToSlash(out.Staging()))
	}
}

// warn records what a person must not miss although the staging succeeded.
func (r *Result) warn() {
	if n := r.MalformedPages; n > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf(
			"%s of %s malformed: what follows the fault in it was not read, and counts as one quarantined row (%s). source_page in "+
				"%s is its position among the pages, from 0; fetch it again.",
			format.Count(n), format.Plural(r.Pages, "page"), BadPage, r.Quarantine))
	}
	if r.PeakRSS > r.MemoryBudget {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the process has used %s of memory, more than --memory %s.",
			format.Mebibytes(r.PeakRSS),
			format.Mebibytes(r.MemoryBudget)))
	}
}

var (
	runName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	system  = regexp.MustCompile(`^(unofficial:)?[a-z0-9][a-z0-9.-]{0,252}(:[0-9]+)?$`)
)

// check refuses options with impossible values.
func (o Options) check() error {
	invalid := func(err error, fix string) error { return fault.New(fault.Usage, err, fix) }
	switch {
	case o.Out == "":
		return invalid(errors.New("--out is empty"), "name the folder for the output")
	case o.Memory < memory.Least:
		return invalid(fmt.Errorf("--memory %s is not enough for staging", o.Memory), "use at least "+memory.Least.String())
	case o.Level < 1 || o.Level > 22:
		return invalid(fmt.Errorf("--level %d is not a zstd level", o.Level), "use 1 (fast) to 22 (small)")
	case o.Workers < 0:
		return invalid(fmt.Errorf("--workers %d is negative", o.Workers), "use 0 for one per processor")
	case o.Workers > MaxWorkers:
		return invalid(fmt.Errorf("--workers %d is too many", o.Workers), fmt.Sprintf("use at most %d; 0 means one per "+
			"processor", MaxWorkers))
	case !runName.MatchString(o.Run):
		return invalid(errors.New("--run is not a run id"), "use letters, digits, '.', '_' and '-', such as 20250803T140512")
	case !system.MatchString(o.SourceSystem):
		return invalid(errors.New("--source-system is not a host"),
			"use the portal's host, such as analisi.transparenciacatalunya.cat, simulator or unofficial:<name>")
	}
	return nil
}

// readContract reads and checks the contract, and that it has the slice.
func (o Options) readContract() (*contract.Contract, error) {
	file, slice := o.Contract, o.Slice
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.New(fault.Usage, fmt.Errorf("read the contract: %w", err),
			"name a dataset's contract, <dataset>"+contract.FileSuffix)
	}
	c, err := contract.Parse(file, raw)
	var problems contract.Problems
	if errors.As(err, &problems) {
		return nil, fault.New(fault.Contract, fmt.Errorf("%s in the contract, so nothing was staged:\n%w",
			format.Plural(len(problems), "problem"), err),
			"fix the lines above; "+o.Command("datasets check "+format.ShellWord(file))+" checks the contract")
	}
	if err != nil {
		return nil, err
	}
	switch {
	case slice == "":
	case c.Slicing == nil:
		return nil, fault.New(fault.Usage, fmt.Errorf("%s is not sliced", c.Dataset), "leave --slice out")
	case !slices.Contains(c.Slicing.Values, slice):
		return nil, fault.New(fault.Usage, fmt.Errorf("%s has no slice %q", c.Dataset, slice),
			"its contract has the slices "+format.List(c.Slicing.Values))
	}
	return c, nil
}

// failure adds to an error of the staging what to do next.
func (o Options) failure(ctx context.Context, err error) error {
	var large *folder.TooLargeError
	var corrupt *engine.Fault
	var wrong *wrongPage
	unchanged := o.Out + " is unchanged"
	switch {
	case ctx.Err() != nil:
		return fault.New(fault.Interrupted, errors.New("interrupted; nothing was written"), "run the same command again")
	case errors.As(err, &wrong):
		return fault.New(fault.Usage, wrong, wrong.fix+"; "+unchanged)
	case errors.As(err, &large):
		return fault.New(fault.Failed, err, unchanged)
	case errors.As(err, &corrupt):
		return fault.New(fault.Failed, err, "fix what it names and stage again; "+unchanged)
	case errors.Is(err, folder.ErrExists):
		return fault.New(fault.Exists, err, "another process has staged there meanwhile; use --force to replace its output")
	case errors.Is(err, folder.ErrPacking):
		return fault.New(fault.Failed, err, "the file is truncated or not compressed as its name requires: fetch it again, or "+
			"remove it; "+unchanged)
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Failed, err, "give yourself permission; "+unchanged)
	}
	return fault.New(fault.Failed, err, unchanged)
}

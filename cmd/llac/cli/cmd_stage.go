package cli

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

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/folder"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/memory"
	"github.com/llac-project/llac/services/stager/engine"
)

// stageOptions are the flags of `llac stage`.
type stageOptions struct {
	in, out        string
	memory         memory.Size
	level, workers int
	slice          string
	run            string
	sourceSystem   string
	references     []string
	unmatched      bool
	force          bool
}

const (
	// badPage is the reason code of what is left of a page after the fault that makes it unreadable.
	badPage = "bad_page"
	// maxWorkers is far more than help: each has memory of its own.
	maxWorkers = 256
	// unofficialFolder is the source system of rows that come from files: nobody vouches for them (invariant 11).
	unofficialFolder = "unofficial:folder"
)

func (a *App) stageCommand() *cobra.Command {
	o := stageOptions{memory: engine.DefaultMemory}
	cmd := &cobra.Command{
		Use:   "stage <contract file> --in <folder of pages> --out <folder>",
		Short: "A folder of JSON pages to typed, deduplicated, partitioned Parquet, by the stager's engine alone",
		Long: `stage does with the pages of a folder what the stager does with those of the lake: the same engine, the same contract, the
same bytes in the files. It needs no lake, no cloud and no network, and publishes nothing.

PAGES
  The files directly in --in whose names end in .json, .json.zst (as in the lake's archive/) or .json.gz, each a whole
  answer of the contract's portal kind: of socrata, an array of objects. Names that begin with _ or . are left out,
  subfolders not looked into. Their page order is that of their names, numbers by value: page-2 before page-10. Where the
  contract says that the latest of two rows with one key wins, the one in the later page does.

OUTPUT
  <out>/staging/<dataset>/<partition>=<value>/<dataset>.parquet
  <out>/quarantine/<dataset>/rows.parquet       the rows that were refused: page, position, reason, public fields
  All of it appears at the end, or nothing does. The same pages give the same bytes, whatever --memory and --workers say.

  Quarantined rows are told and counted, and are no failure: the exit status is 0. So it is when a page is malformed, but
  then what follows the fault in that page was not read: it counts as one quarantined row, by_reason names bad_page, and a
  WARNING says so ("malformed_pages" and "warnings" in the JSON).

WHERE THE ROWS COME FROM
  Nobody vouches for files in a folder. So each row says source_system ` + unofficialFolder + `, and data_origin "invented" unless
  the row itself says "recorded"; the files' metadata say that they are simulated. Who knows better names the portal's
  host with --source-system, and vouches for it.

COLUMNS FOUND BY A NAME
  A column that the contract matches with another dataset (llacMatch) needs that dataset's staged files: say
  --reference <dataset>=<path> for each, where path is a Parquet file, a folder of them, or the --out of its own staging.
  With --unmatched, columns whose dataset is not given stay null, and the method says not_matched.` +
			exitStatus(exitOK, exitError, exitUsage, exitContract, exitNotFound, exitExists, exitInterrupted),
		Example: `  llac stage datasets/municipalities.odcs.yaml --in towns --out staged
  llac stage datasets/social_services.odcs.yaml --in pages --out staged --reference municipalities=staged
  llac stage datasets/social_services.odcs.yaml --in pages --out staged --unmatched --force --json | jq .data.by_reason`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"yaml"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.in, "in", "", "folder of the pages")
	f.StringVar(&o.out, "out", "", "folder to write to; it is made when it is missing")
	f.Var(&o.memory, "memory", "what the process is to stay within, such as 256MiB, 1GiB or 300MB; at least 192MiB")
	f.IntVar(&o.level, "level", engine.DefaultLevel, "zstd level of the Parquet files, 1 to 22")
	f.IntVar(&o.workers, "workers", 0, fmt.Sprintf("pages read at once, at most %d; 0: one a processor, as far as the memory allows", maxWorkers))
	f.StringVar(&o.slice, "slice", "", "only this slice of the dataset: rows of others are quarantined")
	f.StringVar(&o.run, "run", "stage", "what the rows name as their run, in correlation_id and ingested_process_at")
	f.StringVar(&o.sourceSystem, "source-system", unofficialFolder, "host of the portal that served the pages, or simulator")
	f.StringArrayVar(&o.references, "reference", nil, "staged files of a dataset that columns are matched with, as `dataset=path`; may be repeated")
	f.BoolVar(&o.unmatched, "unmatched", false, "leave columns null that are matched with a dataset for which there is no --reference")
	f.BoolVar(&o.force, "force", false, "replace what an earlier staging of the dataset left in --out, once the new one is whole")
	for _, name := range []string{"in", "out"} {
		_ = cmd.MarkFlagRequired(name)
		_ = cmd.MarkFlagDirname(name)
	}
	for _, name := range []string{"memory", "level", "workers", "slice", "run", "source-system", "reference"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	cmd.RunE = a.run("stage", func(ctx context.Context, args []string) (reply, error) { return a.runStage(ctx, o, args[0]) })
	return cmd
}

// stageReply is the data of `llac stage`.
type stageReply struct {
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
	Files          int              `json:"files"`     // of staging
	BytesIn        int64            `json:"bytes_in"`  // of the pages, unpacked
	BytesOut       int64            `json:"bytes_out"` // of the files of staging
	Seconds        float64          `json:"seconds"`
	PeakRSS        int64            `json:"peak_rss_bytes,omitempty"` // of the process; nothing where the system does not say
	MemoryBudget   int64            `json:"memory_budget_bytes"`

	References map[string]string `json:"references,omitempty"` // dataset to the path that columns were matched with
	Unmatched  []string          `json:"unmatched,omitempty"`  // columns that are null because nothing was given to match them with

	Staging    string   `json:"staging,omitempty"`    // folder; nothing when no row was staged
	Quarantine string   `json:"quarantine,omitempty"` // file; nothing when no row was refused
	Query      string   `json:"query,omitempty"`      // DuckDB SQL that reads the folder
	Warnings   []string `json:"warnings"`
}

func (a *App) runStage(ctx context.Context, o stageOptions, contractFile string) (reply, error) {
	if err := o.check(); err != nil {
		return reply{}, err
	}
	c, r, err := a.stageContract(contractFile, o.slice)
	if err != nil {
		return r, err
	}
	if a.LimitMemory != nil {
		a.LimitMemory(int64(o.memory))
	}
	with, err := a.stageReferences(o, c)
	if err != nil {
		return reply{}, err
	}
	pages, err := folder.Open(o.in, int64(o.memory)/4)
	switch {
	case errors.Is(err, folder.ErrNoPages):
		return reply{}, fail(exitNotFound, err, "--in names the folder in which the "+and(starred(folder.Suffixes))+" files lie; subfolders are not looked into")
	case errors.Is(err, folder.ErrTwice):
		return reply{}, fail(exitUsage, err, "take one of the two away")
	case err != nil:
		return reply{}, fail(exitUsage, fmt.Errorf("read the pages: %w", err), "--in names the folder of the pages, which must be readable")
	}
	out, err := folder.Create(o.out, c.Dataset, o.force)
	if errors.Is(err, folder.ErrExists) {
		return reply{}, fail(exitExists, err, "say --force to replace it, or another --out")
	}
	if err != nil {
		return reply{}, fail(exitError, fmt.Errorf("make the output: %w", err), "--out names a folder that may be written to")
	}
	data, err := a.stage(ctx, o, c, with, pages, out)
	if err != nil {
		if left := out.Discard(); left != nil && !errors.Is(err, left) {
			err = errors.Join(err, left)
		}
		return reply{}, stageFailure(ctx, o, err)
	}
	return reply{data: data, text: func(t *text) { stageText(t, data) }}, nil
}

// stage stages the pages and publishes the output.
func (a *App) stage(ctx context.Context, o stageOptions, c *contract.Contract, with stageReferences, pages *folder.Pages, out *folder.Output) (stageReply, error) {
	screen, started := a.newScreen(), a.Clock.Now()
	slot := o.run
	if id := lake.ParseRunID(o.run); isSlot(id.Slot) {
		slot = id.Slot
	}
	result, err := engine.Stage(ctx, engine.Input{
		Contract: c, Slice: o.slice, Pages: pages.Pages, Finders: with.finders,
		Lineage: engine.Lineage{Source: o.sourceSystem, SourceSystem: o.sourceSystem, Slot: slot, RunID: o.run},
	}, out, engine.Options{
		Memory: int64(o.memory), Level: o.level, Workers: o.workers, Temporary: out.Temporary(),
		Progress: func(p engine.Progress) {
			screen.draw(func() []string { return []string{stageLine(c.Dataset, p, a.Clock.Now().Sub(started))} })
		},
	})
	screen.clear()
	if err == nil {
		err = ctx.Err() // interrupted at the very end: nothing is to be there
	}
	if err == nil {
		err = out.Publish()
	}
	if err != nil {
		return stageReply{}, err
	}
	data := stageReply{
		Dataset: c.Dataset, SourceSystem: o.sourceSystem, Simulated: lake.Origin(o.sourceSystem).Simulated(), Pages: len(pages.Pages),
		MalformedPages: result.ByReason[badPage], RowsIn: result.RowsIn, Staged: result.Staged, Duplicates: result.Duplicates,
		Quarantined: result.Quarantined, ByReason: result.ByReason, BytesIn: pages.Bytes(), Seconds: a.Clock.Now().Sub(started).Seconds(),
		MemoryBudget: int64(o.memory), References: with.paths, Unmatched: with.unmatched, Warnings: []string{},
	}
	for _, f := range result.Files {
		if f.Quarantine {
			data.Quarantine = out.Path(f.Output)
			continue
		}
		data.Files++
		data.BytesOut += f.Bytes
		data.Staging = out.Staging()
		data.Query = ledger.Query(c, filepath.ToSlash(out.Staging()))
	}
	if data.ByReason == nil {
		data.ByReason = map[string]int64{}
	}
	if a.PeakMemory != nil {
		data.PeakRSS = a.PeakMemory()
	}
	data.Warnings = append(data.Warnings, stageWarnings(data)...)
	if !a.json {
		for _, w := range data.Warnings {
			screen.notice("WARNING: " + w)
		}
	}
	return data, nil
}

// check refuses flags that cannot be meant.
func (o stageOptions) check() error {
	switch {
	case o.out == "":
		return fail(exitUsage, errors.New("--out is empty"), "name the folder that is to hold the output")
	case o.memory < memory.Least:
		return fail(exitUsage, fmt.Errorf("--memory %s is too little to stage in", o.memory), "say at least "+memory.Least.String())
	case o.level < 1 || o.level > 22:
		return fail(exitUsage, fmt.Errorf("--level %d is no zstd level", o.level), "say 1 (fast) to 22 (small)")
	case o.workers < 0:
		return fail(exitUsage, fmt.Errorf("--workers %d is negative", o.workers), "say 0 for one a processor")
	case o.workers > maxWorkers:
		return fail(exitUsage, fmt.Errorf("--workers %d is too many", o.workers), fmt.Sprintf("say at most %d; 0 is one a processor", maxWorkers))
	case !word.MatchString(o.run):
		return fail(exitUsage, errors.New("--run cannot be a run's name"), "say letters, digits, '.', '_' and '-', as in 20250803T140512")
	case !system.MatchString(o.sourceSystem):
		return fail(exitUsage, errors.New("--source-system is no host"), "say the portal's host, as in analisi.transparenciacatalunya.cat, simulator or unofficial:<name>")
	}
	return nil
}

var (
	word   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	system = regexp.MustCompile(`^(unofficial:)?[a-z0-9][a-z0-9.-]{0,252}(:[0-9]+)?$`)
)

func isSlot(s string) bool {
	_, err := lake.ParseSlot(s)
	return err == nil
}

// stageContract reads and checks the contract. The reply holds its problems.
func (a *App) stageContract(file, slice string) (*contract.Contract, reply, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, reply{}, fail(exitUsage, fmt.Errorf("read the contract: %w", err), "name a dataset's contract, <dataset>"+contract.FileSuffix)
	}
	c, err := contract.Parse(file, raw)
	var problems contract.Problems
	if errors.As(err, &problems) {
		return nil, reply{data: map[string]any{"problems": problems}}, fail(exitContract,
			fmt.Errorf("%s in the contract, so nothing was staged:\n%w", plural(len(problems), "problem"), err),
			"mend the lines above; "+a.llac("datasets check "+shellWord(file))+" says whether all is well")
	}
	if err != nil {
		return nil, reply{}, err
	}
	if slice != "" {
		if c.Slicing == nil {
			return nil, reply{}, fail(exitUsage, fmt.Errorf("%s is not sliced", c.Dataset), "leave --slice out")
		}
		if !slices.Contains(c.Slicing.Values, slice) {
			return nil, reply{}, fail(exitUsage, fmt.Errorf("%s has no slice %q", c.Dataset, slice), "its contract has the slices "+and(c.Slicing.Values))
		}
	}
	return c, reply{}, nil
}

// stageFailure says of an error of the staging what to do next.
func stageFailure(ctx context.Context, o stageOptions, err error) error {
	var large *folder.TooLargeError
	var fault *engine.Fault
	switch asItWas := o.out + " is as it was before"; {
	case ctx.Err() != nil:
		return fail(exitInterrupted, errors.New("interrupted; nothing was written"), "the same command begins again")
	case errors.As(err, &large):
		return fail(exitError, err, asItWas)
	case errors.As(err, &fault):
		return fail(exitError, err, "mend what it names and stage again; "+asItWas)
	case errors.Is(err, folder.ErrExists):
		return fail(exitExists, err, "somebody else has staged there meanwhile; say --force to replace it")
	case errors.Is(err, folder.ErrPacking):
		return fail(exitError, err, "the file is cut short or not packed as its name says: fetch it again, or take it away; "+asItWas)
	case errors.Is(err, fs.ErrPermission):
		return fail(exitError, err, "give yourself the right to it; "+asItWas)
	default:
		return fail(exitError, err, asItWas)
	}
}

// stageWarnings are what a person must not miss although the staging is done.
func stageWarnings(r stageReply) []string {
	var out []string
	if n := r.MalformedPages; n > 0 {
		out = append(out, fmt.Sprintf("%s of %s malformed: what follows the fault in it was not read, and counts as one quarantined row (%s). page_key in %s names it; fetch it again.",
			count(n), plural(r.Pages, "page"), badPage, r.Quarantine))
	}
	if r.PeakRSS > r.MemoryBudget {
		out = append(out, fmt.Sprintf("the process has had %s of memory, more than --memory %s.", mebibytes(r.PeakRSS), mebibytes(r.MemoryBudget)))
	}
	return out
}

func stageText(t *text, r stageReply) {
	t.line("%s: %s in = %s staged + %s + %s quarantined", r.Dataset, plural(int(r.RowsIn), "row"), count(r.Staged), plural(int(r.Duplicates), "duplicate"), count(r.Quarantined))
	if r.Quarantined > 0 {
		t.line("Quarantined: %s. Which rows, and why: %s", reasons(r.ByReason), r.Quarantine)
	}
	line := fmt.Sprintf("%s, %s of JSON, to %s, %s of Parquet", plural(r.Pages, "page"), size(r.BytesIn), plural(r.Files, "file"), size(r.BytesOut))
	if r.Seconds > 0 {
		line += fmt.Sprintf("; %s, %s/s", lasted(r.Seconds*1000), size(int64(float64(r.BytesIn)/r.Seconds)))
	}
	if r.PeakRSS > 0 {
		line += fmt.Sprintf("; at most %s of memory, of %s", mebibytes(r.PeakRSS), mebibytes(r.MemoryBudget))
	}
	t.line("%s", line)
	for _, dataset := range sortedKeys(r.References) {
		t.line("Matched with %s: %s", dataset, r.References[dataset])
	}
	if len(r.Unmatched) > 0 {
		t.line("Not matched, and null in every row: %s", and(r.Unmatched))
	}
	switch { // invariant 11
	case r.Staged == 0:
	case r.Simulated:
		t.line("\nNot vouched for by a portal: each row says so, source_system %s.", r.SourceSystem)
	default:
		t.line("\nEach row says source_system %s. You vouch for it, nobody has checked.", r.SourceSystem)
	}
	if r.Query != "" {
		t.line("\nA query for it:\nduckdb -c %s", shellText(r.Query+" LIMIT 10"))
	}
}

// stageLine is the progress of a staging.
func stageLine(dataset string, p engine.Progress, elapsed time.Duration) string {
	line := fmt.Sprintf("%-16s %s page %s/%s  %s", dataset, gauge(10*p.Pages/max(p.Of, 1)), count(p.Pages), count(p.Of), plural(int(p.Rows), "row"))
	if s := elapsed.Seconds(); s > 0 && p.Bytes > 0 {
		line += fmt.Sprintf("  %s/s", size(int64(float64(p.Bytes)/s)))
	}
	return line
}

// mebibytes writes an amount of memory.
func mebibytes(n int64) string { return count((n+1<<19)>>20) + " MiB" }

// starred are suffixes as patterns of file names.
func starred(suffixes []string) []string {
	out := make([]string, len(suffixes))
	for i, s := range suffixes {
		out[i] = "*" + s
	}
	return out
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/fault"
	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/staging"
	"github.com/llac-project/llac/services/stager/engine"
)

func (a *App) stageCommand() *cobra.Command {
	o := staging.Options{Memory: engine.DefaultMemory}
	cmd := &cobra.Command{
		Use:   "stage <contract file> --in <folder of pages> --out <folder>",
		Short: "Stage a folder of JSON pages into Parquet, without a lake",
		Long: `Stage the pages of a folder as the stager stages those of the lake: with the
same engine and the same contract into the same bytes. It needs no lake, no
cloud and no network, and publishes nothing.

PAGES
  The files directly in --in whose names end in .json, .json.zst (as in the
  lake's archive/) or .json.gz, each a whole response of the contract's portal
  kind: of socrata, an array of objects. Names that start with _ or . are
  skipped; subfolders are not read. Pages are ordered by name, numbers by value:
  page-2 before page-10. If the contract keeps the latest of two rows with the
  same key, the row in the later page is kept.

OUTPUT
  <out>/staging/<dataset>/<partition>=<value>/<dataset>.parquet
  <out>/quarantine/<dataset>/rows.parquet   quarantined rows: page, position,
                                            reason, public fields
  All of it appears at the end, or nothing does. The same pages give the same
  bytes, whatever the values of --memory and --workers.

  Quarantined rows are reported and counted; they are not a failure: the exit
  status is 0. The same holds for a malformed page, but what follows the fault
  in it is not read: it counts as one quarantined row with the reason bad_page,
  and a WARNING reports it ("malformed_pages" and "warnings" in the JSON).

SOURCE OF THE ROWS
  No portal is known to have sent files in a folder. So each row has the
  source_system ` + staging.Unofficial + `, and data_origin "invented" unless the
  row itself has "recorded"; the files' metadata mark them as simulated.
  With --source-system you name the portal's host, and vouch for it. A page with
  the simulator's mark, or of another table or resource, is refused.

MATCHED COLUMNS
  A column that the contract matches with another dataset (llacMatch) needs that
  dataset's staged files: --reference <dataset>=<path> for each, where path is a
  Parquet file, a folder of them, or the --out of its own staging. With
  --unmatched, columns without a reference stay null, with method not_matched.` +
			exitStatus(exitOK, exitError, exitUsage, exitContract, exitNotFound, exitExists, exitInterrupted),
		Example: `  llac stage datasets/municipalities.odcs.yaml --in towns --out staged
  llac stage datasets/social_services.odcs.yaml --in pages --out staged \
    --reference municipalities=staged
  llac stage datasets/social_services.odcs.yaml --in pages --out staged \
    --unmatched --force --json | jq .data.by_reason`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"yaml"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	stageFlags(cmd, &o)
	cmd.RunE = a.run("stage", func(ctx context.Context, args []string) (reply, error) {
		o.Contract = args[0]
		return a.runStage(ctx, o)
	})
	return cmd
}

func stageFlags(cmd *cobra.Command, o *staging.Options) {
	f := cmd.Flags()
	f.StringVar(&o.In, "in", "", "folder of the pages")
	f.StringVar(&o.Out, "out", "", "output folder; created if it does not exist")
	f.Var(&o.Memory, "memory", "memory budget of the process, such as 256MiB, 1GiB or 300MB; at least 192MiB")
	f.IntVar(&o.Level, "level", engine.DefaultLevel, "zstd level of the Parquet files, 1 to 22")
	f.IntVar(&o.Workers, "workers", 0, fmt.Sprintf("number of pages read at the same time, at most %d; 0 means one per "+
		"processor, as far as the memory allows", staging.MaxWorkers))
	f.StringVar(&o.Slice, "slice", "", "slice of the dataset; rows of other slices are quarantined")
	f.StringVar(&o.Run, "run", "stage", "run id of the rows, in correlation_id and ingested_process_at")
	f.StringVar(&o.SourceSystem, "source-system", staging.Unofficial, "host of the portal that served the pages, or simulator")
	f.StringArrayVar(&o.References, "reference", nil,
		"staged files of a dataset that columns are matched with, as `dataset=path`; may be repeated")
	f.BoolVar(&o.Unmatched, "unmatched", false, "null in columns that are matched with a dataset without --reference")
	f.BoolVar(&o.Force, "force", false, "permission to replace an earlier output of the dataset in --out, once the new one is complete")
	for _, name := range []string{"in", "out"} {
		_ = cmd.MarkFlagRequired(name)
		_ = cmd.MarkFlagDirname(name)
	}
	for _, name := range []string{"memory", "level", "workers", "slice", "run", "source-system", "reference"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
}

func (a *App) runStage(ctx context.Context, o staging.Options) (reply, error) {
	s := a.newScreen()
	o.Command, o.Clock, o.LimitMemory, o.PeakMemory = a.llac, a.Clock, a.LimitMemory, a.PeakMemory
	o.Progress = func(dataset string, p engine.Progress, elapsed time.Duration) {
		s.draw(func() []string { return []string{stageLine(dataset, p, elapsed)} })
	}
	data, err := staging.Stage(ctx, o)
	s.clear()
	var described *fault.Error
	if errors.As(err, &described) && described.Kind == fault.Contract {
		return problemsReply(reply{}, err), err
	}
	if err != nil {
		return reply{}, err
	}
	for _, w := range data.Warnings {
		s.notice("WARNING: " + w)
	}
	return reply{data: data, text: func(t *text) { stageText(t, data) }}, nil
}

func stageText(t *text, r staging.Result) {
	t.line("%s: %s in = %s staged + %s + %s quarantined", r.Dataset, format.Plural(int(r.RowsIn), "row"), format.Count(r.Staged),
		format.Plural(int(r.Duplicates), "duplicate"), format.Count(r.Quarantined))
	if r.Quarantined > 0 {
		t.line("Quarantined: %s.", reasons(r.ByReason))
	}
	if r.Refused > 0 {
		t.line("%s refused in the staged rows, null there: %s.", format.Plural(int(r.Refused), "cell"), reasons(r.RefusedBy))
	}
	if r.Quarantine != "" {
		t.line("What was refused, with positions and reasons: %s", r.Quarantine)
	}
	line := fmt.Sprintf("%s, %s of JSON, to %s, %s of Parquet", format.Plural(r.Pages, "page"), format.Size(r.BytesIn),
		format.Plural(r.Files, "file"), format.Size(r.BytesOut))
	if r.Seconds > 0 {
		line += fmt.Sprintf("; %s, %s/s", format.Milliseconds(r.Seconds*1000), format.Size(int64(float64(r.BytesIn)/r.Seconds)))
	}
	if r.PeakRSS > 0 {
		line += fmt.Sprintf("; at most %s of memory, of %s", format.Mebibytes(r.PeakRSS), format.Mebibytes(r.MemoryBudget))
	}
	t.line("%s", line)
	for _, dataset := range sortedKeys(r.References) {
		t.line("Matched with %s: %s", dataset, r.References[dataset])
	}
	if len(r.Unmatched) > 0 {
		t.line("Not matched, and null in every row: %s", format.List(r.Unmatched))
	}
	switch { // invariant 11
	case r.Staged == 0:
	case r.Simulated:
		t.line("\nNo portal vouches for these rows: each has the source_system %s.", r.SourceSystem)
	default:
		t.line("\nEach row has the source_system %s. You vouch for it; it was not checked.", r.SourceSystem)
	}
	if r.Query != "" {
		t.line("\nTo query them:\nduckdb -c %s", format.ShellText("SET TimeZone = 'UTC'; "+r.Query+" LIMIT 10"))
	}
}

// stageLine draws the progress of a staging.
func stageLine(dataset string, p engine.Progress, elapsed time.Duration) string {
	line := fmt.Sprintf("%-16s %s page %s/%s  %s", dataset, gauge(10*p.Pages/max(p.Of, 1)), format.Count(p.Pages), format.Count(p.Of),
		format.Plural(int(p.Rows), "row"))
	if s := elapsed.Seconds(); s > 0 && p.Bytes > 0 {
		line += fmt.Sprintf("  %s/s", format.Size(int64(float64(p.Bytes)/s)))
	}
	return line
}

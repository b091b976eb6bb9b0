package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/ledger"
)

// runsOptions are the flags of `llac runs`.
type runsOptions struct {
	dataset string
	limit   int
}

func (a *App) runsCommand() *cobra.Command {
	var o runsOptions
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List the latest runs and how they ended, one line per slot",
		Long: `List the runs of the lake, latest first. The slices of one slot, which are
separate runs, are one line.` +
			exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitCredentials),
		Example: `  llac runs
  llac runs --dataset population --limit 5
  llac runs --env dev`,
		Args: cobra.NoArgs,
	}
	a.withEnv(cmd.Flags())
	cmd.Flags().StringVar(&o.dataset, "dataset", "", "dataset of the runs (default: all datasets)")
	cmd.Flags().IntVar(&o.limit, "limit", 20, "maximum number of runs; 0 means no limit")
	_ = cmd.RegisterFlagCompletionFunc("dataset", a.completeDatasets)
	cmd.RunE = a.run("runs", func(ctx context.Context, _ []string) (reply, error) { return a.runRuns(ctx, o) })
	return cmd
}

func (a *App) runRuns(ctx context.Context, o runsOptions) (reply, error) {
	if o.limit < 0 {
		return reply{}, invalid("use 0 for no limit", "--limit %d is negative", o.limit)
	}
	l, err := a.ledger(ctx)
	if err != nil {
		return reply{}, err
	}
	runs, err := l.Recent(ctx, o.dataset, o.limit)
	if err != nil {
		return reply{}, err
	}
	if len(runs) == 0 && o.dataset != "" {
		return reply{}, fail(exitNotFound, fmt.Errorf("this lake has no run of %s", o.dataset),
			a.llac("runs")+" lists the runs of all datasets")
	}
	data := struct {
		Runs []ledger.Summary `json:"runs"`
	}{runs}
	return reply{data: data, text: func(t *text) { runsText(t, runs) }}, nil
}

// ledger opens the place and its ledger.
func (a *App) ledger(ctx context.Context) (ledger.Ledger, error) {
	p, err := a.open(ctx)
	if err != nil {
		return ledger.Ledger{}, err
	}
	return p.Ledger()
}

func runsText(t *text, runs []ledger.Summary) {
	if len(runs) == 0 {
		t.line("No runs yet; %s starts one.", t.llac("run"))
		return
	}
	var rows [][]string
	for _, s := range runs {
		took := "-"
		if s.State.Ended() {
			took = format.Milliseconds(float64(s.FinishedAt.Sub(s.StartedAt).Milliseconds()))
		}
		rows = append(rows, []string{
			s.Slot, s.Dataset, outcome(s), provenance(s.SourceSystem), dash(s.Trigger), took, format.Count(s.Pages),
			format.Count(s.RowsFetched),
			format.Count(s.Staged),
			format.Count(s.Quarantined), dash(s.Snapshot),
		})
	}
	t.table([]string{"RUN", "DATASET", "OUTCOME", "~DATA", "?TRIGGER", "?>TOOK", "?>PAGES", "?>FETCHED", "?>STAGED", "?>QUARANTINED",
		"?SNAPSHOT"}, rows,
		func(row, column int) string {
			if column != 2 {
				return ""
			}
			return stateColor(runs[row].State)
		})
}

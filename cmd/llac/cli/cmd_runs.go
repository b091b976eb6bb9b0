package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

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
		Short: "The latest runs and how they ended",
		Long: `runs lists the runs of the lake, the latest first. A run of a sliced dataset is one line for all its slices.` +
			exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitCredentials),
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&o.dataset, "dataset", "", "only runs of this dataset")
	a.withEnv(cmd.Flags())
	cmd.Flags().IntVar(&o.limit, "limit", 20, "at most so many; 0: all")
	_ = cmd.RegisterFlagCompletionFunc("dataset", a.completeDatasets)
	cmd.RunE = a.run("runs", func(ctx context.Context, _ []string) (reply, error) { return a.runRuns(ctx, o) })
	return cmd
}

func (a *App) runRuns(ctx context.Context, o runsOptions) (reply, error) {
	if o.limit < 0 {
		return reply{}, fail(exitUsage, fmt.Errorf("--limit %d is negative", o.limit), "say 0 for all")
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
		return reply{}, fail(exitNotFound, fmt.Errorf("there is no run of %s in this lake", o.dataset), a.llac("runs")+" lists those of all datasets")
	}
	data := struct {
		Runs []ledger.Summary `json:"runs"`
	}{runs}
	return reply{data: data, text: func(t *text) { runsText(t, runs) }}, nil
}

func runsText(t *text, runs []ledger.Summary) {
	if len(runs) == 0 {
		t.line("No runs yet. %s makes one.", t.llac("run"))
		return
	}
	var rows [][]string
	for _, s := range runs {
		took := "-"
		if s.State.Ended() {
			took = lasted(float64(s.FinishedAt.Sub(s.StartedAt).Milliseconds()))
		}
		rows = append(rows, []string{
			s.Slot, s.Dataset, outcome(s), dash(s.Trigger), count(s.Pages), count(s.RowsFetched), count(s.Staged), count(s.Quarantined), dash(s.Snapshot), took, provenance(s.SourceSystem),
		})
	}
	t.table([]string{"RUN", "DATASET", "OUTCOME", "TRIGGER", ">PAGES", ">FETCHED", ">STAGED", ">QUARANTINED", "SNAPSHOT", ">TOOK", "DATA"}, rows,
		func(row, column int) string {
			if column != 2 {
				return ""
			}
			return stateColor(runs[row].State)
		})
}

package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/ledger"
)

func (a *App) showCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show <run | dataset/run | latest [dataset]>",
		Short: "One run hop by hop: who did what, when, and why it ended as it did",
		Long: `show tells a run from its receipts: every stage with its start, its duration and the wait before it, what it was told
and what it said, the gate's verdict rule by rule, the rows that were quarantined by reason, and the evidence for what
was deleted. All hops of a run share one trace id, under which <dir>/traces and the logs have more.

A run is named by its id (20250803T140512), which may be one slice of it (20250803T140512-y2024), with or without its
dataset before it.` + exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitCredentials),
		Example: `  llac show latest
  llac show latest population
  llac show municipalities/20250803T140512`,
		Args: cobra.RangeArgs(1, 2),
		RunE: a.run("show", func(ctx context.Context, args []string) (reply, error) { return a.runShow(ctx, args) }),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return a.completeDatasets(cmd, args, toComplete)
			}
			return a.completeRuns(cmd, toComplete)
		},
	}
	a.withEnv(cmd.Flags())
	return cmd
}

// completeRuns offers the latest runs.
func (a *App) completeRuns(cmd *cobra.Command, _ string) ([]string, cobra.ShellCompDirective) {
	out := []string{"latest"}
	if l, err := a.ledger(cmd.Context()); err == nil {
		if requests, err := l.Requests(cmd.Context(), ""); err == nil {
			for _, r := range requests[:min(len(requests), 20)] {
				out = append(out, r.Dataset+"/"+r.Slot)
			}
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

func (a *App) runShow(ctx context.Context, args []string) (reply, error) {
	l, err := a.ledger(ctx)
	if err != nil {
		return reply{}, err
	}
	dataset := ""
	if len(args) == 2 {
		dataset = args[1]
		if args[0] != "latest" {
			return reply{}, fail(exitUsage, errors.New("a second name goes with latest only"), "say "+a.llac("show "+dataset+"/"+args[0]))
		}
	}
	requests, slice, err := l.Find(ctx, args[0], dataset)
	if err != nil {
		return reply{}, err
	}
	var data struct {
		Runs []ledger.Timeline `json:"runs"`
	}
	for _, r := range requests {
		timeline, err := l.Timeline(ctx, r, slice)
		if errors.Is(err, ledger.ErrNoRun) && len(requests) > 1 {
			continue // another dataset of the same slot, without that slice
		}
		if err != nil {
			return reply{}, err
		}
		data.Runs = append(data.Runs, timeline)
	}
	if len(data.Runs) == 0 {
		return reply{}, ledger.ErrNoRun
	}
	return reply{data: data, text: func(t *text) {
		for i, r := range data.Runs {
			if i > 0 {
				t.line("\n%s\n", strings.Repeat("-", 60))
			}
			timelineText(t, r)
		}
	}}, nil
}

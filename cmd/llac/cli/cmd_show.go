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
		Short: "Show one run stage by stage, and why it ended as it did",
		Long: `Show a run from its receipts: every stage with its start, its duration and the
wait before it, the event that it received and the events that it published; the
gate's verdict rule by rule; the quarantined rows by reason; and the evidence
for deleted objects. All stages of a run share one trace id, under which
<dir>/traces and the logs contain more.

A run is named by its id (20250803T140512), which may name one slice of it
(20250803T140512-y2024), with or without its dataset before it.` +
			exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitCredentials),
		Example: `  llac show latest
  llac show latest population
  llac show municipalities/20250803T140512`,
		Args: cobra.RangeArgs(1, 2),
		RunE: a.run("show", func(ctx context.Context, args []string) (reply, error) { return a.runShow(ctx, args) }),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return a.completeDatasets(cmd, args, toComplete)
			}
			return a.completeRuns(cmd)
		},
	}
	a.withEnv(cmd.Flags())
	return cmd
}

// completeRuns offers the latest runs.
func (a *App) completeRuns(cmd *cobra.Command) ([]string, cobra.ShellCompDirective) {
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
			return reply{}, fail(exitUsage, errors.New("a dataset may follow latest only"), "use "+a.llac("show "+dataset+"/"+args[0]))
		}
	}
	timelines, err := l.Timelines(ctx, args[0], dataset)
	if err != nil {
		return reply{}, err
	}
	data := struct {
		Runs []ledger.Timeline `json:"runs"`
	}{timelines}
	return reply{data: data, text: func(t *text) {
		for i, r := range timelines {
			if i > 0 {
				t.line("\n%s\n", strings.Repeat("-", 60))
			}
			timelineText(t, r)
		}
	}}, nil
}

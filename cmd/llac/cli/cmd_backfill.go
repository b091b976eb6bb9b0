package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/place"
)

// backfillOptions are the flags of `llac backfill`.
type backfillOptions struct {
	portalOptions
	followOptions
	pipeline.SliceSelection
	reason string
	force  bool
}

func (a *App) backfillCommand() *cobra.Command {
	var o backfillOptions
	cmd := &cobra.Command{
		Use:   "backfill <dataset> --slice <slice>… | --from <slice> --to <slice>",
		Short: "Fetch and publish missing slices of a dataset, such as years",
		Long: `Request a run of the named slices of a dataset, and of no others. Each slice is
fetched, checked and staged as in any run. The gate publishes them together with
the slices that are published already, which stay as they are.

The contract must define slices: other datasets have no past that their portal
can return. Earlier versions of such a dataset are in the archive, and files
that a person has kept can be published by llac ingest.` +
			exitStatus(exitOK, exitError, exitUsage, exitContract, exitUnpublished, exitOwned, exitTimeout, exitNotFound, exitCredentials,
				exitInterrupted),
		Example: `  llac backfill population --slice 2023
  llac backfill population --from 2023 --to 2024 --env dev`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeDatasets,
	}
	o.portalOptions.register(cmd)
	o.followOptions.register(cmd)
	a.withEnv(cmd.Flags())
	cmd.Flags().StringArrayVar(&o.Names, "slice", nil, "slice to fetch; may be repeated")
	cmd.Flags().StringVar(&o.From, "from", "", "first slice, in the contract's order")
	cmd.Flags().StringVar(&o.To, "to", "", "last slice")
	cmd.Flags().StringVar(&o.reason, "reason", "", "reason, for the record")
	cmd.Flags().BoolVar(&o.force, "force", false, "full fetch, even if the source reports no change")
	cmd.RunE = a.run("backfill", func(ctx context.Context, args []string) (reply, error) { return a.runBackfill(ctx, o, args[0]) })
	return cmd
}

func (a *App) runBackfill(ctx context.Context, o backfillOptions, dataset string) (reply, error) {
	if err := checkTimeout(o.timeout); err != nil {
		return reply{}, err
	}
	p, settings, err := a.openToRun(ctx, o.portalOptions, "llac backfill")
	if err != nil {
		return reply{}, err
	}
	contracts, err := p.RunContracts(ctx)
	if err != nil {
		return reply{}, err
	}
	chosen, err := pipeline.Choose(contracts, []string{dataset})
	if err != nil {
		return reply{}, err
	}
	slices, err := o.Select(chosen[0])
	if err != nil {
		return reply{}, err
	}
	s := a.newScreen()
	defer a.announceStop(ctx, s, p.WhenStopped())()
	run, err := p.Run(ctx, place.RunRequest{
		Datasets: []string{dataset}, Slices: slices, Reason: o.reason, Force: o.force, Timeout: o.timeout, Detach: o.detach, By: whoami(),
		Local: settings, Notice: s.notice, Progress: s.progress,
	})
	s.clear()
	return a.runReply(run, err, func(*text) {}), a.runError(run, err, nil)
}

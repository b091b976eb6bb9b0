package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/ingest"
	"github.com/llac-project/llac/operations/place"
)

// ingestOptions are the flags of `llac ingest`.
type ingestOptions struct {
	portalOptions
	followOptions
	ingest.Collection
	dataset string
}

func (a *App) ingestCommand() *cobra.Command {
	var o ingestOptions
	cmd := &cobra.Command{
		Use:   "ingest --dataset <name> --file <page.json>… --reason <reason>",
		Short: "Publish files that a person downloaded, like a run",
		Long: `Land files that a person downloaded, for example because the portal was down,
and pass them through the validator, the stager and the gate, as if the fetcher
had landed them. Each file is one page, exactly as the portal's API returned it,
in order. Who did it and why is kept with the data. A page that names another
dataset, or repeats rows, is refused.

The rows name "` + ingest.Unofficial + `" as their source, and an environment that
publishes only real data rejects them. With --vouch you state, by name, that the
contract's portal sent exactly these bytes; the rows then name the portal.
A page with the simulator's mark cannot be vouched for.

Without --env the services run on this machine, as in llac run. With --env the
pages are landed in that environment, with the contract in force there, and its
services do the rest. llac marts builds the marts afterwards.` +
			exitStatus(exitOK, exitError, exitUsage, exitContract, exitUnpublished, exitOwned, exitTimeout, exitNotFound, exitCredentials,
				exitInterrupted),
		Example: `  llac ingest --dataset municipalities --file page-1.json \
    --reason "the portal responds with status 503 since Monday"
  llac ingest --dataset population --slice 2024 --file table.json --vouch \
    --reason "sent by the statistics office" \
    --url https://api.idescat.cat/taules/v2/pmh/446/477/mun/data?YEAR=2024`,
		Args: cobra.NoArgs,
	}
	o.portalOptions.register(cmd)
	a.withEnv(cmd.Flags())
	cmd.Flags().StringArrayVar(&o.Files, "file", nil, "file of one page; may be repeated, in order")
	cmd.Flags().StringVar(&o.dataset, "dataset", "", "dataset of the pages")
	cmd.Flags().StringVar(&o.Slice, "slice", "", "slice, if the contract defines slices, such as 2024")
	cmd.Flags().StringVar(&o.Reason, "reason", "", "reason why the pages were collected by hand")
	cmd.Flags().StringVar(&o.URL, "url", "", "address from which they were downloaded")
	cmd.Flags().BoolVar(&o.Vouched, "vouch", false, "your statement that the contract's portal sent exactly these bytes")
	cmd.Flags().DurationVar(&o.timeout, "timeout", defaultTimeout, "time limit; unfinished work is left to the next run; 0 means no limit")
	_ = cmd.RegisterFlagCompletionFunc("dataset", a.completeDatasets)
	cmd.RunE = a.run("ingest", func(ctx context.Context, _ []string) (reply, error) { return a.runIngest(ctx, o) })
	return cmd
}

func (a *App) runIngest(ctx context.Context, o ingestOptions) (reply, error) {
	if o.dataset == "" {
		return reply{}, invalid("--dataset municipalities", "no dataset is named")
	}
	o.By = whoami()
	if err := checkTimeout(o.timeout); err != nil {
		return reply{}, err
	}
	p, settings, err := a.openToRun(ctx, o.portalOptions, "llac ingest")
	if err != nil {
		return reply{}, err
	}
	s := a.newScreen()
	defer a.announceStop(ctx, s, p.WhenStopped())()
	out, err := p.Ingest(ctx, o.Collection, place.RunRequest{
		Datasets: []string{o.dataset}, Timeout: o.timeout, By: o.By, Local: settings, Notice: s.notice, Progress: s.progress,
	})
	s.clear()
	switch {
	case out.Run != nil:
		return a.runReply(*out.Run, err, func(*text) {}), a.runError(*out.Run, err, nil)
	case err != nil:
		return reply{}, err
	}
	return reply{data: out.Landed, text: func(t *text) { landedText(t, *out.Landed, o.Vouched) }}, nil
}

func landedText(t *text, l place.Landed, vouched bool) {
	t.line("Landed %s with %s in %s as run %s of %s; its services do the rest.", format.Plural(l.Pages, "page"),
		format.Plural(int(l.Rows), "row"), l.Env, l.RunID, l.Dataset)
	if !vouched {
		t.line("The rows name %s as their source: an environment that publishes only real data rejects them (--vouch).", l.SourceSystem)
	}
}

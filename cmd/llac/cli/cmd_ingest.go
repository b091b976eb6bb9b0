package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/ingest"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// ingestOptions are the flags of `llac ingest`.
type ingestOptions struct {
	portalOptions
	ingest.Collection
	dataset string
	env     string
	timeout time.Duration
}

func (a *App) ingestCommand() *cobra.Command {
	var o ingestOptions
	cmd := &cobra.Command{
		Use:   "ingest --dataset <name> --file <page.json>… --reason <why>",
		Short: "Land files that a person downloaded, and publish them like any run",
		Long: `ingest lands files that were collected by hand, because the portal was down, say, or has changed, and brings them through the
validator, the stager and the gate, as if the fetcher had landed them. Each file is one page, as the portal's API answered it, in
order. Who did it and why stays with the data.

The rows say that their source is "` + ingest.Unofficial + `", and an environment that publishes real data alone refuses them. With --vouch
you say, by name, that the contract's portal sent exactly these bytes; then they count as the portal's.

Without --env it runs on this machine, as llac run does. With --env the pages are landed in that environment and its services
do the rest; the contract is the one in force there. The marts follow with their next build: llac marts.` + exitStatus(exitOK, exitError, exitUsage, exitContract, exitUnpublished, exitOwned, exitTimeout, exitCredentials, exitInterrupted),
		Example: `  llac ingest --dataset municipalities --file page-1.json --reason "the portal answers 503 since Monday"
  llac ingest --dataset population --slice 2024 --file table.json --reason "asked for by the statistics office" --vouch \
    --url https://api.idescat.cat/taules/v2/pmh/446/477/mun/data?YEAR=2024`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringArrayVar(&o.Files, "file", nil, "a page; give it once for each page, in order")
	cmd.Flags().StringVar(&o.dataset, "dataset", "", "the dataset it is of")
	cmd.Flags().StringVar(&o.Slice, "slice", "", "the slice, of a dataset that is fetched in slices: 2024")
	cmd.Flags().StringVar(&o.Reason, "reason", "", "why it was collected by hand")
	cmd.Flags().StringVar(&o.URL, "url", "", "where it was downloaded from")
	cmd.Flags().BoolVar(&o.Vouched, "vouch", false, "say that the contract's portal sent exactly these bytes")
	cmd.Flags().StringVar(&o.env, "env", "", "environment to land it in: dev or prod; default: this machine")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 30*time.Minute, "leave what is not finished by then to the next llac run; 0: never")
	o.register(cmd)
	_ = cmd.RegisterFlagCompletionFunc("dataset", a.completeDatasets)
	cmd.RunE = a.run("ingest", func(ctx context.Context, _ []string) (reply, error) { return a.runIngest(ctx, o) })
	return cmd
}

func (a *App) runIngest(ctx context.Context, o ingestOptions) (reply, error) {
	if o.dataset == "" {
		return reply{}, fail(exitUsage, errors.New("no dataset is named"), "--dataset municipalities")
	}
	o.By = whoami()
	if o.env != "" {
		return a.ingestInto(ctx, o)
	}
	settings, err := a.settings(o.portalOptions, "llac ingest")
	if err != nil {
		return reply{}, err
	}
	if o.timeout < 0 {
		return reply{}, negative(o.timeout)
	}
	options := pipeline.Options{
		Settings: settings, Contracts: a.contracts, Datasets: []string{o.dataset}, Ingest: &o.Collection, Timeout: o.timeout, By: o.By,
	}
	screen := a.newScreen()
	if !a.json {
		options.Notice, options.Progress = screen.notice, screen.progress
	}
	defer a.tellStop(ctx, screen)()
	result, err := pipeline.Run(ctx, options)
	screen.clear()
	r := reply{data: result, text: func(t *text) { runReport(t, a.dir, result) }}
	if result.Datasets == nil {
		r.text = nil
	}
	if err != nil && result.StartedAt.IsZero() {
		r.data = nil // nothing was begun
	}
	if err == nil && !result.Good() {
		err = a.ill(result)
	}
	return r, err
}

// ingestReply is the data of `llac ingest --env`.
type ingestReply struct {
	Env          string `json:"env"`
	Dataset      string `json:"dataset"`
	RunID        string `json:"run_id"`
	Pages        int    `json:"pages"`
	Rows         int64  `json:"rows"`
	SourceSystem string `json:"source_system"`
}

// ingestInto lands a collection in an environment of the cloud, whose services do the rest.
func (a *App) ingestInto(ctx context.Context, o ingestOptions) (reply, error) {
	account, err := openAccount(ctx, o.env)
	if err != nil {
		return reply{}, err
	}
	c, err := account.Contract(ctx, o.env, o.dataset)
	if err != nil {
		return reply{}, err
	}
	pages, err := ingest.Read(c, o.Collection)
	if err != nil {
		return reply{}, err
	}
	store := account.Lake(o.env)
	at, err := pipeline.FreeSlot(ctx, store, o.dataset, a.Clock.Now())
	if err != nil {
		return reply{}, err
	}
	landed, err := pages.Land(ctx, store, lake.Slot(at), runtime.NewAttempt(), at)
	if err != nil {
		return reply{}, err
	}
	e := ingest.Event(landed, at)
	if err = ingest.Receipt(ctx, store, e, runtime.Build()); err == nil {
		err = account.Tell(ctx, o.env, e)
	}
	if err != nil {
		return reply{}, fail(exitError, err, "give the command again; the pages of this try stay in landing, where nobody reads them")
	}
	out := ingestReply{o.env, o.dataset, landed.RunID, landed.Pages, landed.Rows, landed.SourceSystem}
	return reply{data: out, text: func(t *text) {
		t.line("Landed %s with %s in %s as run %s of %s; its services do the rest.", plural(out.Pages, "page"), plural(int(out.Rows), "row"), o.env, out.RunID, o.dataset)
		if !o.Vouched {
			t.line("The rows say %s: an environment that publishes real data alone will refuse them (--vouch).", out.SourceSystem)
		}
	}}, nil
}

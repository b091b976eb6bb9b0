package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
)

// backfillOptions are the flags of `llac backfill`.
type backfillOptions struct {
	portalOptions
	slices   []string
	from, to string
	reason   string
	force    bool
	detach   bool
	timeout  time.Duration
}

func (a *App) backfillCommand() *cobra.Command {
	var o backfillOptions
	cmd := &cobra.Command{
		Use:   "backfill <dataset> --slice <slice>… | --from <slice> --to <slice>",
		Short: "Fetch slices of a dataset that are missing, such as years",
		Long: `backfill asks for a run of the slices named and of no others. Each is fetched, checked and staged like those of any run; the gate joins
them with the slices that are published, which are carried on as they are.

Only a dataset that its contract cuts into slices can be filled: a portal tells how things are today. What was fetched earlier of
another dataset is in the archive; what a person has kept can be landed by llac ingest.` +
			exitStatus(exitOK, exitError, exitUsage, exitContract, exitUnpublished, exitOwned, exitTimeout, exitNotFound, exitCredentials, exitInterrupted),
		Example: `  llac backfill population --slice 2023
  llac backfill population --from 2023 --to 2024 --env dev`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeDatasets,
	}
	o.register(cmd)
	a.withEnv(cmd.Flags())
	cmd.Flags().StringArrayVar(&o.slices, "slice", nil, "a slice; give it once for each")
	cmd.Flags().StringVar(&o.from, "from", "", "the first slice, in the contract's order")
	cmd.Flags().StringVar(&o.to, "to", "", "the last slice")
	cmd.Flags().StringVar(&o.reason, "reason", "", "why, for the record")
	cmd.Flags().BoolVar(&o.force, "force", false, "fetch even what the source says has not changed")
	cmd.Flags().BoolVar(&o.detach, "detach", false, "with --env: ask, and do not follow")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 30*time.Minute, "leave what is not finished by then; 0: never")
	cmd.RunE = a.run("backfill", func(ctx context.Context, args []string) (reply, error) { return a.runBackfill(ctx, o, args[0]) })
	return cmd
}

func (a *App) runBackfill(ctx context.Context, o backfillOptions, dataset string) (reply, error) {
	if o.timeout < 0 {
		return reply{}, negative(o.timeout)
	}
	var contracts []*contract.Contract
	var err error
	if a.env != "" {
		contracts, err = a.inForce(ctx)
	} else {
		contracts, err = pipeline.LoadContracts(a.contracts)
	}
	if err != nil {
		return reply{}, err
	}
	chosen, err := pipeline.Choose(contracts, []string{dataset})
	if err != nil {
		return reply{}, err
	}
	wanted, err := o.chosen(chosen[0])
	if err != nil {
		return reply{}, err
	}
	if a.env != "" {
		return a.runThere(ctx, wish{datasets: []string{dataset}, slices: wanted, reason: o.reason, force: o.force, timeout: o.timeout, detach: o.detach})
	}
	settings, err := a.settings(o.portalOptions, "llac backfill")
	if err != nil {
		return reply{}, err
	}
	options := pipeline.Options{
		Settings: settings, Contracts: a.contracts, Datasets: []string{dataset}, Slices: wanted, Force: o.force, Timeout: o.timeout, By: whoami(),
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
	if err == nil && !result.Good() {
		err = a.ill(result)
	}
	return r, err
}

// chosen are the slices that the flags name, in the contract's order.
func (o backfillOptions) chosen(c *contract.Contract) ([]string, error) {
	if c.Slicing == nil {
		return nil, fail(exitUsage, fmt.Errorf("%s is not cut into slices: its portal tells how things are today, and has no past to fetch", c.Dataset),
			"llac run "+c.Dataset+" fetches what there is; llac ingest lands what somebody has kept")
	}
	all := c.Slicing.Values
	has := "its contract has " + strings.Join(all, ", ")
	if (len(o.slices) > 0) == (o.from != "" || o.to != "") {
		return nil, fail(exitUsage, errors.New("say which slices, by --slice or by --from and --to"), has)
	}
	unknown := func(name string) error {
		return fail(exitUsage, fmt.Errorf("%s has no slice %q", c.Dataset, name), has+"; another is added there, and published by llac datasets publish")
	}
	if len(o.slices) > 0 {
		for _, s := range o.slices {
			if !slices.Contains(all, s) {
				return nil, unknown(s)
			}
		}
		return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !slices.Contains(o.slices, s) }), nil
	}
	first, last := 0, len(all)-1
	if o.from != "" {
		if first = slices.Index(all, o.from); first < 0 {
			return nil, unknown(o.from)
		}
	}
	if o.to != "" {
		if last = slices.Index(all, o.to); last < 0 {
			return nil, unknown(o.to)
		}
	}
	if first > last {
		return nil, fail(exitUsage, fmt.Errorf("slice %s comes after %s", o.from, o.to), has)
	}
	return slices.Clone(all[first : last+1]), nil
}

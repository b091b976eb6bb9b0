package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/restore"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/lake"
)

// restoreOptions are the flags of `llac restore`.
type restoreOptions struct {
	env, from, region string
	dryRun            bool
}

func (a *App) restoreCommand() *cobra.Command {
	var o restoreOptions
	cmd := &cobra.Command{
		Use:   "restore --env <env> --from <bucket>",
		Short: "Restore the lake of an AWS environment from its replica",
		Long: `Copy the objects that are in the replica and not in the environment's data
bucket, read back every object that a pointer names, and only then move the
pointer. A dataset whose replica is incomplete stays as it is, and is reported.
Existing objects are never overwritten, and no pointer moves back. Running it
again continues it.

A replica has no landing, no quarantine, no dead letters and no archives of
datasets with personal fields. The tables of Glue follow at the next sweep of
the landing-janitor, or at the next publication.

The bucket's policy lets only services write their layers: run it as a principal
of stacks/storage's break_glass, and remove that principal afterwards.
docs/runbooks/restore-from-replica.md has the steps.` +
			exitStatus(exitOK, exitError, exitUsage, exitUnwell, exitCredentials, exitInterrupted),
		Example: `  llac restore --env dev --from llac-dev-replica-123456789012 \
    --from-region eu-south-2 --dry-run
  llac restore --env dev --from llac-dev-replica-123456789012 \
    --from-region eu-south-2`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&o.env, "env", "", "environment to restore, such as dev")
	cmd.Flags().StringVar(&o.from, "from", "", "bucket of the replica")
	cmd.Flags().StringVar(&o.region, "from-region", "", "region of the replica (default: the environment's)")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false,
		"preview only: the objects that the replica's pointers name are checked, nothing is changed")
	cmd.RunE = a.run("restore", func(ctx context.Context, _ []string) (reply, error) { return a.runRestore(ctx, o) })
	return cmd
}

func (a *App) runRestore(ctx context.Context, o restoreOptions) (reply, error) {
	if o.from == "" {
		return reply{}, invalid("--from llac-dev-replica-<account>; stacks/storage names it with replica_region", "no replica is named")
	}
	account, err := a.account(ctx, o.env)
	if err != nil {
		return reply{}, err
	}
	replica := account.AWS.Copy()
	if o.region != "" {
		replica.Region = o.region
	}
	s := a.newScreen()
	options := restore.Options{DryRun: o.dryRun}
	if !a.json {
		options.Progress = func(p restore.Step) { s.draw(func() []string { return []string{restoreLine(p)} }) }
	}
	report, err := restore.Restore(ctx, lake.NewS3(replica, o.from, clock.System{}), account.Lake(o.env), options)
	s.clear()
	r := reply{data: report, text: func(t *text) { restoreReport(t, o.env, report) }}
	switch {
	case ctx.Err() != nil:
		return r, fail(exitInterrupted, errors.New("interrupted; copied objects stay, and readers see nothing incomplete"),
			o.again()+" continues")
	case err != nil:
		return r, fail(exitError, err, "run the command again: it continues; if access is denied, you are not a principal of break_glass")
	case !report.Good():
		return r, fail(exitUnwell, fmt.Errorf("%s found; everything else is done", format.Plural(len(report.Problems), "problem")),
			"see the lines above: remove changed objects and run the command again; what the replica lacks can be produced "+
				"again by llac run --env "+format.ShellWord(o.env))
	}
	return r, nil
}

// again returns the command line that continues the restoration.
func (o restoreOptions) again() string {
	line := "llac restore --env " + format.ShellWord(o.env) + " --from " + format.ShellWord(o.from)
	if o.region != "" {
		line += " --from-region " + format.ShellWord(o.region)
	}
	return line
}

func restoreLine(s restore.Step) string {
	if s.Doing == "copy" {
		return fmt.Sprintf("copied %s of %s objects, %s", format.Count(s.Done), format.Count(s.Total), format.Size(s.Bytes))
	}
	return fmt.Sprintf("read back %s of %s objects", format.Count(s.Done), format.Count(s.Total))
}

func restoreReport(t *text, env string, r restore.Report) {
	verb := "Copied"
	if r.DryRun {
		verb = "Would copy"
	}
	t.line("%s %s (%s) to %s; %s existed already.", verb, format.Plural(r.Copied, "object"), format.Size(r.Bytes), env,
		format.Count(r.There))
	rows := make([][]string, 0, len(r.Datasets)+1)
	outcomes := r.Datasets
	if r.Marts != nil {
		outcomes = append(outcomes[:len(outcomes):len(outcomes)], *r.Marts)
	}
	for _, d := range outcomes {
		rows = append(rows, []string{d.Name, string(d.State), dash(d.Snapshot), d.Reason})
	}
	if len(rows) > 0 {
		t.line("")
		t.table([]string{"DATASET", "POINTER", "SNAPSHOT", "REASON"}, rows, func(row, column int) string {
			switch {
			case column != 1:
			case outcomes[row].State == restore.Refused:
				return red
			case outcomes[row].State == restore.Restored:
				return green
			}
			return ""
		})
	}
	t.line("")
	t.line("Archived pages read back and complete: %s; not in the replica: %s.", format.Count(r.Archived), format.Count(r.Missing))
	for _, p := range r.Problems {
		t.line("%s %s", t.paint(red, "problem"), p)
	}
}

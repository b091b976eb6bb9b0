package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

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
		Short: "Bring the lake of an environment back from its replica",
		Long: `restore copies what the replica has and the environment's data bucket has not, reads back every object that a pointer names, and only
then moves the pointer: a dataset whose replica is not whole stays as it is, and is told of. Nothing that is there is overwritten, and no
pointer goes back. Given again, it goes on.

A replica holds no landing, no quarantine, no dead letters and no archives of datasets with personal fields. The tables of Glue follow
at the next sweep of the landing-janitor, or at the next publication.

The bucket's policy lets services alone write their layers: run it as a principal of stacks/storage's break_glass, and take that
away afterwards. docs/runbooks/restore-from-replica.md has the steps.` + exitStatus(exitOK, exitError, exitUsage, exitUnwell, exitCredentials, exitInterrupted),
		Example: `  llac restore --env dev --from llac-dev-replica-123456789012 --from-region eu-south-2 --dry-run
  llac restore --env dev --from llac-dev-replica-123456789012 --from-region eu-south-2`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&o.env, "env", "", "environment to bring back: dev or prod")
	cmd.Flags().StringVar(&o.from, "from", "", "bucket of the replica")
	cmd.Flags().StringVar(&o.region, "from-region", "", "its region; default: the environment's")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "look at the replica, check what its pointers name, and change nothing")
	cmd.RunE = a.run("restore", func(ctx context.Context, _ []string) (reply, error) { return a.runRestore(ctx, o) })
	return cmd
}

func (a *App) runRestore(ctx context.Context, o restoreOptions) (reply, error) {
	if o.from == "" {
		return reply{}, fail(exitUsage, errors.New("no replica is named"), "--from llac-dev-replica-<account>; stacks/storage names it with replica_region")
	}
	account, err := openAccount(ctx, o.env)
	if err != nil {
		return reply{}, err
	}
	there := account.AWS.Copy()
	if o.region != "" {
		there.Region = o.region
	}
	screen := a.newScreen()
	options := restore.Options{DryRun: o.dryRun}
	if !a.json {
		options.Progress = func(s restore.Step) { screen.draw(func() []string { return []string{restoreLine(s)} }) }
	}
	report, err := restore.Restore(ctx, lake.NewS3(there, o.from, clock.System{}), account.Lake(o.env), options)
	screen.clear()
	r := reply{data: report, text: func(t *text) { restoreReport(t, o.env, report) }}
	again := "llac restore --env " + shellWord(o.env) + " --from " + shellWord(o.from)
	if o.region != "" {
		again += " --from-region " + shellWord(o.region)
	}
	switch {
	case ctx.Err() != nil:
		return r, fail(exitInterrupted, errors.New("interrupted; what was copied stays, and no reader sees anything half"), again+" goes on")
	case err != nil:
		return r, fail(exitError, err, "give the command again: it goes on; access denied says that you are not of break_glass")
	case !report.Good():
		return r, fail(exitUnwell, fmt.Errorf("%s were found; all else is done", plural(len(report.Problems), "problem")), "look at the lines above: take an object that was changed away and give the command again; what the replica has not can be made again: llac run --env "+shellWord(o.env))
	}
	return r, nil
}

func restoreLine(s restore.Step) string {
	if s.Doing == "copy" {
		return fmt.Sprintf("copied %s of %s objects, %s", count(s.Done), count(s.Total), size(s.Bytes))
	}
	return fmt.Sprintf("read back %s of %s objects", count(s.Done), count(s.Total))
}

func restoreReport(t *text, env string, r restore.Report) {
	verb, into := "Copied", "into"
	if r.DryRun {
		verb, into = "Would copy", "to"
	}
	t.line("%s %s (%s) %s %s; %s were there already.", verb, plural(r.Copied, "object"), size(r.Bytes), into, env, count(r.There))
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
		t.table([]string{"DATASET", "POINTER", "SNAPSHOT", "WHY"}, rows, func(row, column int) string {
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
	t.line("Archived pages read back and whole: %s; not in the replica: %s.", count(r.Archived), count(r.Missing))
	for _, p := range r.Problems {
		t.line("%s %s", t.paint(red, "problem"), p)
	}
}

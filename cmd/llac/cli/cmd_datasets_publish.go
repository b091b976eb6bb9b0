package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/pipeline"
)

// publishOptions are the flags of `llac datasets publish`.
type publishOptions struct {
	remove []string
	yes    bool
	dryRun bool
}

func (a *App) datasetsPublishCommand() *cobra.Command {
	var o publishOptions
	cmd := &cobra.Command{
		Use:   "publish --env <env>",
		Short: "Put the contracts of this folder in force in an AWS environment",
		Long: `Check the contracts of the folder, show how they differ from those in force in
the environment, ask, and put them in force, all at once. The services use them
from the next run on: nothing is deployed. Runs in progress keep the contract
that they started with.

A dataset that is in force and has no file here stays in force; --remove ends
its runs. Its published snapshots stay readable.` +
			exitStatus(exitOK, exitError, exitUsage, exitContract, exitNotFound, exitCredentials),
		Example: `  llac datasets publish --env dev
  llac datasets publish --env dev --remove housing --yes`,
		Args: cobra.NoArgs,
	}
	a.withEnv(cmd.Flags())
	cmd.Flags().StringArrayVar(&o.remove, "remove", nil, "dataset whose contract is removed; may be repeated")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "publication without confirmation")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "preview only; nothing is changed")
	cmd.RunE = a.run("datasets publish", func(ctx context.Context, _ []string) (reply, error) { return a.runDatasetsPublish(ctx, o) })
	return cmd
}

// publishReply is the data of `llac datasets publish`.
type publishReply struct {
	Env       string                  `json:"env"`
	Published bool                    `json:"published"` // false if nothing differs, or nothing was to be done
	Changes   []deploy.ContractChange `json:"changes"`
}

func (a *App) runDatasetsPublish(ctx context.Context, o publishOptions) (reply, error) {
	contracts, err := pipeline.LoadContracts(a.address.Contracts)
	if err != nil {
		return reply{}, err
	}
	p, err := a.open(ctx)
	if err != nil {
		return reply{}, err
	}
	plan, err := p.PlanContracts(ctx, contracts, o.remove)
	if err != nil {
		return reply{}, err
	}
	out := publishReply{Env: p.Name(), Changes: plan.Changes}
	show := func(done string) reply {
		return reply{data: out, text: func(t *text) { publishText(t, out, done) }}
	}
	switch {
	case plan.Empty():
		return show("All of them are in force already."), nil
	case o.dryRun:
		return show("Nothing was changed."), nil
	case !o.yes && !a.Interactive:
		return show("Nothing was changed."), fail(exitUsage, errors.New("confirmation needs a terminal"),
			"--yes publishes without confirmation")
	case !o.yes:
		if !a.confirmed(out) {
			return reply{data: out}, fail(exitError, errors.New("nothing was changed"), "")
		}
	}
	if err := plan.Publish(ctx); err != nil {
		return show("Nothing was changed."), fail(exitError, err, a.llac("datasets publish"))
	}
	out.Published = true
	done := "In force in " + out.Env + " from the next run on. Next: " + a.llac("run "+out.Changes[0].Dataset)
	if o.yes {
		return show(done), nil
	}
	return reply{data: out, text: func(t *text) { t.line("%s", done) }}, nil // the changes are on the screen already
}

// confirmed shows the changes and asks a person for confirmation.
func (a *App) confirmed(r publishReply) bool {
	t := a.newText()
	publishText(t, r, "")
	fmt.Fprintf(a.Stdout, "%sPut these in force in %s? Only \"yes\" is accepted: ", printable(t.String()), r.Env)
	answer, _ := bufio.NewReader(a.Stdin).ReadString('\n')
	return strings.TrimSpace(answer) == "yes"
}

func publishText(t *text, r publishReply, done string) {
	rows := make([][]string, 0, len(r.Changes))
	for _, c := range r.Changes {
		rows = append(rows, []string{c.Dataset, c.Change, dash(c.Before), dash(c.Version), shortDigest(c.SHA256)})
	}
	t.table([]string{"DATASET", "CHANGE", "IN FORCE", "HERE", "CONTRACT"}, rows, func(row, column int) string {
		if column == 1 && r.Changes[row].Change != "same" && r.Changes[row].Change != "kept" {
			return yellow
		}
		return ""
	})
	if done != "" {
		t.line("\n%s", done)
	}
}

// shortDigest returns as much of a digest as people compare.
func shortDigest(digest string) string { return digest[:min(12, len(digest))] }

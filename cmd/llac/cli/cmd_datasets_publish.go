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
	dry    bool
}

func (a *App) datasetsPublishCommand() *cobra.Command {
	var o publishOptions
	cmd := &cobra.Command{
		Use:   "publish --env <env>",
		Short: "Put the contracts of this folder in force in an environment of the cloud",
		Long: `publish checks the contracts of the folder, shows what differs from those in force in the environment, asks, and puts them in force,
all at once. Services read them with the next run: nothing is deployed. Runs under way keep the contract they began with.

A dataset that is in force and has no file here stays in force; --remove ends its runs. Its published snapshots stay readable.` +
			exitStatus(exitOK, exitError, exitUsage, exitContract, exitNotFound, exitCredentials),
		Example: `  llac datasets publish --env dev
  llac datasets publish --env dev --remove housing --yes`,
		Args: cobra.NoArgs,
	}
	a.withEnv(cmd.Flags())
	cmd.Flags().StringArrayVar(&o.remove, "remove", nil, "a dataset to take out of force; give it once for each")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&o.dry, "dry-run", false, "only show what would change")
	cmd.RunE = a.run("datasets publish", func(ctx context.Context, _ []string) (reply, error) { return a.runDatasetsPublish(ctx, o) })
	return cmd
}

// publishReply is the data of `llac datasets publish`.
type publishReply struct {
	Env       string                  `json:"env"`
	Published bool                    `json:"published"` // false where nothing differs, or nothing was to be done
	Changes   []deploy.ContractChange `json:"changes"`
}

func (a *App) runDatasetsPublish(ctx context.Context, o publishOptions) (reply, error) {
	contracts, err := pipeline.LoadContracts(a.contracts)
	if err != nil {
		return reply{}, err
	}
	if a.env == "" {
		return reply{}, fail(exitUsage, errors.New("no environment is named"), "llac datasets publish --env dev; on this machine llac run puts them in force")
	}
	account, err := a.enter(ctx)
	if err != nil {
		return reply{}, err
	}
	plan, err := deploy.PlanContracts(ctx, account.Config(a.env), contracts, o.remove)
	if err != nil {
		return reply{}, fail(exitError, err, "is there an environment "+a.env+"? make stacks ENV="+a.env+" makes it")
	}
	out := publishReply{Env: a.env, Changes: plan.Changes}
	done := "Nothing was changed."
	r := reply{data: &out, text: func(t *text) { publishText(t, out, done) }}
	switch {
	case plan.Empty():
		done = "All of them are in force already."
		return r, nil
	case o.dry:
		return r, nil
	case !o.yes && !a.Interactive:
		return r, fail(exitUsage, errors.New("nobody is there to be asked"), "--yes puts them in force without asking")
	case !o.yes:
		t := &text{color: a.Color, llac: a.llac}
		publishText(t, out, "")
		fmt.Fprintf(a.Stdout, "%sPut these in force in %s? Only \"yes\" does: ", t.String(), a.env)
		answer, _ := bufio.NewReader(a.Stdin).ReadString('\n')
		if r.text = nil; strings.TrimSpace(answer) != "yes" {
			return r, fail(exitError, errors.New("nothing was changed"), "")
		}
	}
	if err := plan.Publish(ctx); err != nil {
		return r, fail(exitError, err, a.llac("datasets publish"))
	}
	out.Published = true
	done = "In force in " + a.env + " from the next run on. Next: " + a.llac("run "+out.Changes[0].Dataset)
	if r.text == nil {
		fmt.Fprintln(a.Stdout, done)
	}
	return r, nil
}

func publishText(t *text, r publishReply, done string) {
	rows := make([][]string, 0, len(r.Changes))
	for _, c := range r.Changes {
		rows = append(rows, []string{c.Dataset, c.Change, dash(c.Before), dash(c.Version), short(c.SHA256)})
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

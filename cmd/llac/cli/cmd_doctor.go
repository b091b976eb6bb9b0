package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/checks"
	"github.com/llac-project/llac/operations/format"
)

func (a *App) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what keeps llac from working here",
		Long: `Check this machine, the state directory, the contracts, the queues and the
marts, and report for each whether it is in order (ok), should be looked at
(warn) or has to be fixed (fail), and how. It changes nothing.

With --env, check an AWS environment instead: the account, the contracts in
force, the deployed services, the queues, the dead letters, undelivered
messages, the published snapshots and their age, the tables of Glue, and the
marts.` +
			exitStatus(exitOK, exitUsage, exitUnwell, exitNotFound, exitCredentials),
		Example: `  llac doctor
  llac doctor --env dev`,
		Args: cobra.NoArgs,
		RunE: a.run("doctor", func(ctx context.Context, _ []string) (reply, error) { return a.runDoctor(ctx) }),
	}
	a.withEnv(cmd.Flags())
	return cmd
}

func (a *App) runDoctor(ctx context.Context) (reply, error) {
	p, err := a.open(ctx)
	if err != nil {
		return reply{}, err
	}
	findings := p.Check(ctx)
	data := struct {
		Findings []checks.Finding `json:"findings"`
	}{findings}
	r := reply{data: data, text: func(t *text) { findingsText(t, findings) }}
	if n := checks.Failed(findings); n > 0 {
		return r, &failure{status: exitUnwell, err: errors.New(format.Plural(n, "finding") + " to fix"), quiet: true}
	}
	return r, nil
}

func findingsText(t *text, findings []checks.Finding) {
	colors := map[checks.Result]string{checks.OK: green, checks.Warn: yellow, checks.Fail: red}
	for _, f := range findings {
		t.line("%s  %-16s %s", t.paint(colors[f.Result], fmt.Sprintf("%-4s", f.Result)), f.Check, f.Found)
		if f.Fix != "" {
			t.line("      %-16s → %s", "", f.Fix)
		}
	}
}

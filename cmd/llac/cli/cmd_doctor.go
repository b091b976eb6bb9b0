package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// finding is what doctor found out about one thing.
type finding struct {
	Check  string `json:"check"`
	Result string `json:"result"` // "ok", "warn" or "fail"
	Found  string `json:"found"`
	Fix    string `json:"fix,omitempty"`
}

// The results of a check.
const (
	well = "ok"
	warn = "warn"
	ill  = "fail"
)

func (a *App) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what keeps llac from working here",
		Long: `doctor looks at this machine, the state directory, the contracts and the queues, and says for each whether it is well
(ok), should be looked at (warn) or has to be mended (fail), and how. It changes nothing.

With --env it looks at an environment of the cloud instead: the account, the contracts in force, what is deployed, queues, dead
letters, what could not be delivered, what is published and how old, whether Glue shows it, and the marts.` + exitStatus(exitOK, exitUsage, exitUnwell, exitNotFound, exitCredentials),
		Args: cobra.NoArgs,
		RunE: a.run("doctor", func(ctx context.Context, _ []string) (reply, error) { return a.runDoctor(ctx) }),
	}
	a.withEnv(cmd.Flags())
	return cmd
}

func (a *App) runDoctor(ctx context.Context) (reply, error) {
	checks := []func(context.Context) []finding{checkGo, checkPython, a.checkDirectory, a.checkDisk, checkPorts, a.checkContracts, a.checkMarts, a.checkWork}
	var findings []finding
	if a.env != "" {
		var err error
		if findings, err = a.doctorThere(ctx); err != nil {
			return reply{}, err
		}
		checks = nil
	}
	for _, check := range checks {
		findings = append(findings, check(ctx)...)
	}
	count := map[string]int{}
	for _, f := range findings {
		count[f.Result]++
	}
	data := struct {
		Findings []finding `json:"findings"`
	}{findings}
	r := reply{data: data, text: func(t *text) { doctorText(t, findings) }}
	if count[ill] > 0 {
		return r, &failure{status: exitUnwell, err: errors.New(plural(count[ill], "finding") + " to mend"), quiet: true}
	}
	return r, nil
}

func doctorText(t *text, findings []finding) {
	colors := map[string]string{well: green, warn: yellow, ill: red}
	for _, f := range findings {
		t.line("%s  %-16s %s", t.paint(colors[f.Result], fmt.Sprintf("%-4s", f.Result)), f.Check, f.Found)
		if f.Fix != "" {
			t.line("      %-16s → %s", "", f.Fix)
		}
	}
}

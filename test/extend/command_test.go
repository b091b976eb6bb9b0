//go:build slow

package extend

import (
	"strings"
	"testing"
)

// A new command of llac is one file and one line.
func TestAddCommand(t *testing.T) {
	t.Parallel()
	dir := Copy(t)
	const file = "cmd/llac/cli/cmd_greet.go"
	command := `package cli

import (
	"context"

	"github.com/spf13/cobra"
)

func (a *App) greetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "greet",
		Short: "Print a greeting",
		Long:  "Print a greeting." + exitStatus(exitOK, exitUsage),
		Example: "  llac greet",
		Args:  cobra.NoArgs,
	}
	cmd.RunE = a.run("greet", func(context.Context, []string) (reply, error) {
		return reply{data: "hello", text: func(t *text) { t.line("hello") }}, nil
	})
	return cmd
}
`
	Write(t, dir, file, strings.Replace(command, `"Print a greeting"`, `"greets people"`, 1))
	Edit(t, dir, "cmd/llac/cli/cmd_root.go", "\t\ta.versionCommand(),\n", "\t\ta.versionCommand(),\n\t\ta.greetCommand(),\n")
	mustFail(t, dir, []string{"greet"}, "go", "test", "-run", "TestCommandForm", "./cmd/llac/cli")
	Write(t, dir, file, command)
	Run(t, dir, "go", "test", "-run", "TestCommandForm", "./cmd/llac/cli")
	if out := Run(t, dir, "go", "run", "./cmd/llac", "greet", "--json"); !strings.Contains(out, `"hello"`) {
		t.Errorf("llac greet --json printed %s", out)
	}
}

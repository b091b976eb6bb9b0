package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/platform/runtime"
)

// root is the tool's command tree.
func (a *App) root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "llac",
		Short: "Catalan open data into a lake that can be trusted",
		Long: `llac brings Catalan open data from the portals into a lake of Parquet files, through six services, and says of every
number how it came there. Without an account it runs all of them on this machine: llac run.

EXIT STATUS
  llac help exit-codes lists them; the help of each command says which it has.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          subcommands,
		Version:       runtime.Build(),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&a.dir, "dir", defaultDir, "state directory: the lake, the queues, the logs")
	flags.StringVar(&a.contracts, "datasets", defaultContracts, "folder of the dataset contracts")
	flags.BoolVar(&a.json, "json", false, "answer one JSON document and nothing else")
	cmd.AddCommand(a.runCommand(), a.backfillCommand(), a.statusCommand(), a.runsCommand(), a.showCommand(), a.dlqCommand(), a.datasetsCommand(), a.martsCommand(),
		a.sqlCommand(), a.exportCommand(), a.stageCommand(), a.ingestCommand(), a.doctorCommand(), a.simulatorCommand(),
		a.deployCommand(), a.costCommand(), a.restoreCommand(), a.versionCommand(), exitCodesTopic())
	cmd.SetVersionTemplate("llac {{.Version}}\n")
	return cmd
}

// subcommands are the arguments of a command that is only the name of others.
func subcommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	meant := ""
	if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
		meant = "; did you mean " + strings.Join(s, " or ") + "?"
	}
	return fmt.Errorf("unknown command %q%s", args[0], meant)
}

// exitCodesTopic is `llac help exit-codes`.
func exitCodesTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("The exit statuses of llac, and the error codes of its JSON.\n\n")
	for _, e := range exits {
		fmt.Fprintf(&b, "  %3d  %-17s %s\n", e.status, e.code, e.meaning)
	}
	return &cobra.Command{Use: "exit-codes", Short: "What the exit statuses mean", Long: strings.TrimRight(b.String(), "\n")}
}

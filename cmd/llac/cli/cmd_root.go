package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// root is the tool's command tree.
func (a *App) root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "llac",
		Short: "Catalan open data into a lake that can be trusted",
		Long: `llac brings Catalan open data from the portals into a lake of Parquet files, through six services, and says of every
number how it came there. Without an account it runs all of them on this machine: llac run.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&a.dir, "dir", ".llac", "state directory: the lake, the queues, the logs")
	flags.StringVar(&a.contracts, "datasets", "datasets", "folder of the dataset contracts")
	flags.BoolVar(&a.json, "json", false, "answer one JSON document and nothing else")
	cmd.AddCommand(a.runCommand(), a.statusCommand(), a.runsCommand(), a.showCommand(), a.dlqCommand(), a.datasetsCommand(),
		a.doctorCommand(), a.versionCommand(), exitCodesTopic())
	return cmd
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

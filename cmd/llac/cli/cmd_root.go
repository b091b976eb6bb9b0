package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/llac-project/llac/operations/place"
	"github.com/llac-project/llac/platform/runtime"
)

// commands are the commands of the tool, one line each, in the order of its help.
func (a *App) commands() []*cobra.Command {
	return []*cobra.Command{
		a.runCommand(),
		a.backfillCommand(),
		a.statusCommand(),
		a.runsCommand(),
		a.showCommand(),
		a.dlqCommand(),
		a.datasetsCommand(),
		a.martsCommand(),
		a.sqlCommand(),
		a.exportCommand(),
		a.stageCommand(),
		a.ingestCommand(),
		a.doctorCommand(),
		a.simulatorCommand(),
		a.deployCommand(),
		a.costCommand(),
		a.restoreCommand(),
		a.versionCommand(),
		exitCodesTopic(),
	}
}

// root returns the command tree.
func (a *App) root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "llac",
		Short: "Publish Catalan open data in a lake in which every number can be traced",
		Long: `Bring Catalan open data from the portals into a lake of Parquet files, and show
where every number comes from. llac run runs the whole pipeline on this machine,
without an account.

EXIT STATUS
  llac help exit-codes lists them; the help of each command lists its own.`,
		Example: `  llac run
  llac status
  llac show latest`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          subcommands,
		Version:       runtime.Build(),
		RunE:          showHelp,
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&a.address.Dir, "dir", place.DefaultDir, "state directory: the lake, the queues, the logs")
	flags.StringVar(&a.address.Contracts, "datasets", place.DefaultContracts, "folder of the dataset contracts")
	flags.BoolVar(&a.json, "json", false, "output as one JSON document")
	cmd.AddCommand(a.commands()...)
	cmd.SetVersionTemplate("llac {{.Version}}\n")
	cmd.SetUsageTemplate(strings.ReplaceAll(cmd.UsageTemplate(), "Flags.FlagUsages", "Flags | wrapped"))
	return cmd
}

func init() {
	cobra.AddTemplateFunc("wrapped", func(flags *pflag.FlagSet) string { return flags.FlagUsagesWrapped(helpWidth) })
}

// helpWidth is the number of columns of the help.
const helpWidth = 80

// showHelp is the run function of a command that only groups others.
func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// subcommands checks the arguments of a command that only groups others.
func subcommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	suggestion := ""
	if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
		suggestion = "; did you mean " + strings.Join(s, " or ") + "?"
	}
	return fmt.Errorf("unknown command %q%s", args[0], suggestion)
}

// exitCodesTopic is `llac help exit-codes`.
func exitCodesTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("List the exit statuses of llac, and the error codes of its JSON.\n\n")
	for _, e := range exits {
		fmt.Fprintf(&b, "  %3d  %-17s %s\n", e.status, e.code, wrap(e.meaning, helpWidth, strings.Repeat(" ", 25)))
	}
	return &cobra.Command{Use: "exit-codes", Short: "List the exit statuses", Long: strings.TrimRight(b.String(), "\n")}
}

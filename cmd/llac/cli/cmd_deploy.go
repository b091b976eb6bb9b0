package cli

import (
	"github.com/spf13/cobra"
)

func (a *App) deployCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deploy",
		Short: "Package, check and upload one service for AWS",
		Long: `Package, check and upload one service for AWS: the steps of make package and
make deploy. To deploy a service:

  make deploy SERVICE=stager ENV=dev

EXIT STATUS
  llac help exit-codes lists them; the help of each command lists its own.`,
		Example: `  llac deploy check --env dev
  llac deploy running --env dev`,
		Args: subcommands,
		RunE: showHelp,
	}
	cmd.AddCommand(a.deployCheckCommand(), a.deployRunningCommand(), a.deployPackageCommand(), a.deployBOMCommand(),
		a.deployUploadCommand())
	return cmd
}

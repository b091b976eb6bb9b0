package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/deploy"
)

// bomOptions are the flags of `llac deploy bom`.
type bomOptions struct{ packages string }

func (a *App) deployBOMCommand() *cobra.Command {
	var o bomOptions
	cmd := &cobra.Command{
		Use:   "bom <service>",
		Short: "Write a package's bill of materials (a step of make package)",
		Long: `Write <service>.cdx.json next to a package, in the CycloneDX format: the digest
of the package, and every module in its program, as the linker recorded them.
The same package gives the same bytes.` + exitStatus(exitOK, exitError, exitUsage),
		Example: `  llac deploy bom stager`,
		Args:    cobra.ExactArgs(1),
		RunE:    a.run("deploy bom", func(_ context.Context, args []string) (reply, error) { return runBOM(args[0], o) }),
	}
	cmd.Flags().StringVar(&o.packages, "packages", packagesFolder, "folder of the packages")
	return cmd
}

// bomReply is the data of `llac deploy bom`.
type bomReply struct {
	Service string `json:"service"`
	Build   string `json:"build"`
	SHA256  string `json:"sha256"` // of the package
	File    string `json:"file"`
}

func runBOM(service string, o bomOptions) (reply, error) {
	if err := deploy.Known(service); err != nil {
		return reply{}, err
	}
	release, file, err := deploy.WriteBOM(o.packages, service)
	if err != nil {
		return reply{}, fail(exitError, err, "make sbom SERVICE="+service)
	}
	return reply{data: bomReply{service, release.Build, release.SHA256, file},
		text: func(t *text) { t.line("%s  of package %s", file, release.SHA256) }}, nil
}

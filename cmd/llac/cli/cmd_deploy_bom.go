package cli

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/deploy"
)

func (a *App) deployBOMCommand() *cobra.Command {
	var o deployOptions
	cmd := &cobra.Command{
		Use:   "bom <service>",
		Short: "Write a package's bill of materials; make package does it",
		Long: `bom writes <service>.cdx.json beside a package, in CycloneDX's form: the digest of the package, and every module that is in its
program, as the linker has recorded them. The same package gives the same bytes.` + exitStatus(exitOK, exitError, exitUsage),
		Args: cobra.ExactArgs(1),
		RunE: a.run("deploy bom", func(_ context.Context, args []string) (reply, error) { return runBOM(args[0], o) }),
	}
	cmd.Flags().StringVar(&o.out, "packages", filepath.Join("bin", "packages"), "folder of the packages")
	return cmd
}

// bomReply is the data of `llac deploy bom`.
type bomReply struct {
	Service string `json:"service"`
	Build   string `json:"build"`
	SHA256  string `json:"sha256"` // of the package
	File    string `json:"file"`
}

func runBOM(service string, o deployOptions) (reply, error) {
	if err := deploy.Known(service); err != nil {
		return reply{}, err
	}
	release, file, err := deploy.WriteBOM(o.out, service)
	if err != nil {
		return reply{}, fail(exitError, err, "make sbom SERVICE="+service)
	}
	return reply{data: bomReply{service, release.Build, release.SHA256, file}, text: func(t *text) { t.line("%s  of package %s", file, release.SHA256) }}, nil
}

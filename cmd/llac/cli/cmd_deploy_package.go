package cli

import (
	"cmp"
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/format"
)

// packagesFolder is where make package writes.
var packagesFolder = filepath.Join("bin", "packages")

// packageOptions are the flags of `llac deploy package`.
type packageOptions struct{ program, build, out string }

func (a *App) deployPackageCommand() *cobra.Command {
	var o packageOptions
	cmd := &cobra.Command{
		Use:   "package <service>",
		Short: "Package a service's program for Lambda (a step of make package)",
		Long: `Write <service>.zip, which contains the program of a service, and
<service>.json, which describes it. make package builds the program first. The
same program gives the same bytes. A program that Lambda would not run is
refused: one larger than 250 MB, one for another system, or one that needs the
libraries of the machine that built it.` + exitStatus(exitOK, exitError, exitUsage),
		Example: `  llac deploy package stager --build 3f2a91c`,
		Args:    cobra.ExactArgs(1),
		RunE:    a.run("deploy package", func(_ context.Context, args []string) (reply, error) { return runPackage(args[0], o) }),
	}
	cmd.Flags().StringVar(&o.program, "program", "", "path of the program (default bin/functions/<service>/bootstrap)")
	cmd.Flags().StringVar(&o.build, "build", "", "name of the build")
	cmd.Flags().StringVar(&o.out, "out", packagesFolder, "output folder")
	return cmd
}

func runPackage(service string, o packageOptions) (reply, error) {
	if err := deploy.Known(service); err != nil {
		return reply{}, err
	}
	program := cmp.Or(o.program, filepath.Join("bin", "functions", service, deploy.Handler))
	r, err := deploy.Pack(service, o.build, program, o.out)
	if err != nil {
		return reply{}, fail(exitError, err, "make package SERVICE="+service)
	}
	return reply{data: r, text: func(t *text) {
		t.line("%s  %s", r.SHA256, filepath.Join(o.out, service+".zip"))
		t.line("build %s, %s, %s zipped, %s unzipped of the %s that Lambda accepts", dash(r.Build), r.Architecture, format.Size(r.ZipBytes),
			format.Size(r.UnzippedBytes), format.Size(deploy.MaxUnzipped))
	}}, nil
}

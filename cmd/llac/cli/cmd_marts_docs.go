package cli

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/format"
)

// martsDocsOptions are the flags of `llac marts docs`.
type martsDocsOptions struct{ project, out string }

func (a *App) martsDocsCommand() *cobra.Command {
	var o martsDocsOptions
	cmd := &cobra.Command{
		Use:   "docs",
		Short: "Write a page that documents the marts",
		Long: `Write dbt's documentation of the project and of the published marts as one HTML
page that needs no server: every model, its columns, its tests, and what it is
built from. It changes nothing in the lake.` +
			exitStatus(exitOK, exitError, exitUsage, exitContract, exitMarts, exitCredentials, exitInterrupted),
		Example: `  llac marts docs
  llac marts docs --out marts.html`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&o.project, "dbt", defaultProject, "folder of the dbt project")
	cmd.Flags().StringVar(&o.out, "out", "", "file of the page (default <dir>/marts/docs.html; with --env "+
		"<dir>/cloud/<env>/marts/docs.html)")
	cmd.RunE = a.run("marts docs", func(ctx context.Context, _ []string) (reply, error) { return a.runMartsDocs(ctx, o) })
	return cmd
}

func (a *App) runMartsDocs(ctx context.Context, o martsDocsOptions) (reply, error) {
	p, err := a.open(ctx)
	if err != nil {
		return reply{}, err
	}
	workspace := p.Marts()
	if o.out == "" {
		o.out = filepath.Join(workspace.Folder, "docs.html")
	}
	if err := workspace.Docs(ctx, a.refreshOptions(martsOptions{project: o.project}, a.newScreen()), o.out); err != nil {
		return reply{}, a.martsFailure(err, false)
	}
	info, err := os.Stat(o.out)
	if err != nil {
		return reply{}, err
	}
	data := struct {
		File  string `json:"file"`
		Bytes int64  `json:"bytes"`
	}{o.out, info.Size()}
	return reply{data: data, text: func(t *text) {
		t.line("%s (%s): open it in a browser.", o.out, format.Size(info.Size()))
	}}, nil
}

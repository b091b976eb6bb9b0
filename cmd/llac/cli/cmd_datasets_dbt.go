package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract/dbtsource"
)

// dbtOptions are the flags of `llac datasets dbt`.
type dbtOptions struct {
	project string
	check   bool
}

func (a *App) datasetsDBTCommand() *cobra.Command {
	var o dbtOptions
	cmd := &cobra.Command{
		Use:   "dbt",
		Short: "Write the dbt sources from the contracts",
		Long: `Write models/sources/<dataset>.yml of the dbt project for every contract: its
columns, its tests, its freshness. These files are generated and committed;
--check only lists those that are out of date.` + exitStatus(exitOK, exitError, exitUsage, exitContract),
		Example: `  llac datasets dbt
  llac datasets dbt --check`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&o.project, "dbt", defaultProject, "folder of the dbt project")
	cmd.Flags().BoolVar(&o.check, "check", false, "check only; exit status 1 if a file is out of date")
	cmd.RunE = a.run("datasets dbt", func(context.Context, []string) (reply, error) { return a.runDatasetsDBT(o) })
	return cmd
}

// dbtReply is the data of `llac datasets dbt`.
type dbtReply struct {
	Folder  string   `json:"folder"`
	Changed []string `json:"changed"` // files written or removed; with --check, those that are out of date
}

func (a *App) runDatasetsDBT(o dbtOptions) (reply, error) {
	contracts, err := pipeline.LoadContracts(a.address.Contracts)
	if err != nil {
		return reply{}, err
	}
	if err := marts.CheckProject(o.project); err != nil {
		return reply{}, err
	}
	do := dbtsource.Write
	if o.check {
		do = dbtsource.Stale
	}
	changed, err := do(o.project, contracts)
	if err != nil {
		return reply{}, err
	}
	out := dbtReply{Folder: dbtsource.Folder(o.project), Changed: list(changed)}
	r := reply{data: out, text: func(t *text) {
		if len(changed) == 0 {
			t.line("%s in %s, all up to date.", format.Plural(len(contracts), "source"), out.Folder)
			return
		}
		t.line("%s: %s", out.Folder, strings.Join(changed, ", "))
	}}
	if o.check && len(changed) > 0 {
		return r, fail(exitError, fmt.Errorf("%s out of date in %s", format.Plural(len(changed), "source"), out.Folder),
			a.llac("datasets dbt")+" writes them")
	}
	return r, nil
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/dbtsource"
)

func (a *App) datasetsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "datasets",
		Short: "The dataset contracts: list, check, dbt, publish",
		Long: `A dataset is one file, <name>.odcs.yaml, in the folder of the contracts. Adding a dataset is adding its file.` +
			exitStatus(exitOK, exitError, exitUsage, exitContract),
		Args: subcommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "list",
		Short: "The datasets that have a contract",
		Long:  `list shows every dataset of the folder with its source, its schedule and what it promises.` + exitStatus(exitOK, exitError, exitUsage, exitContract),
		Args:  cobra.NoArgs,
		RunE:  a.run("datasets list", func(context.Context, []string) (reply, error) { return a.runDatasetsList() }),
	}, &cobra.Command{
		Use:   "check [file…]",
		Short: "Check contracts against the standard and our own rules",
		Long: `check reads the files named, or every contract of the folder, against the Open Data Contract Standard 3.1 and the rules
of Llac, and shows everything that is wrong as file:line:column: path: message; fix. Files that are named are also checked together with
the rest of the folder.` + exitStatus(exitOK, exitError, exitUsage, exitContract),
		RunE: a.run("datasets check", func(_ context.Context, args []string) (reply, error) { return a.runDatasetsCheck(args) }),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}, a.datasetsDBTCommand(), a.datasetsPublishCommand())
	return cmd
}

// dbtReply is the data of `llac datasets dbt`.
type dbtReply struct {
	Folder  string   `json:"folder"`
	Changed []string `json:"changed"` // files written or removed; with --check, those that should be
}

func (a *App) datasetsDBTCommand() *cobra.Command {
	var project string
	var check bool
	cmd := &cobra.Command{
		Use:   "dbt",
		Short: "Write the dbt sources of the contracts",
		Long: `dbt writes models/sources/<dataset>.yml of the dbt project for every contract: its columns, its tests, how old it may get.
These files are generated and checked in; --check only says which are stale.` + exitStatus(exitOK, exitError, exitUsage, exitContract),
		Args: cobra.NoArgs,
		RunE: a.run("datasets dbt", func(context.Context, []string) (reply, error) { return a.runDatasetsDBT(project, check) }),
	}
	cmd.Flags().StringVar(&project, "dbt", defaultProject, "folder of the dbt project")
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit status 1 when a file is stale")
	return cmd
}

func (a *App) runDatasetsDBT(project string, check bool) (reply, error) {
	contracts, err := pipeline.LoadContracts(a.contracts)
	if err != nil {
		return reply{}, err
	}
	if err := marts.CheckProject(project); err != nil {
		return reply{}, err
	}
	do := dbtsource.Write
	if check {
		do = dbtsource.Stale
	}
	changed, err := do(project, contracts)
	if err != nil {
		return reply{}, err
	}
	out := dbtReply{Folder: dbtsource.Folder(project), Changed: list(changed)}
	r := reply{data: out, text: func(t *text) {
		if len(changed) == 0 {
			t.line("%s in %s, all as the contracts say.", plural(len(contracts), "source"), out.Folder)
			return
		}
		t.line("%s: %s", out.Folder, strings.Join(changed, ", "))
	}}
	if check && len(changed) > 0 {
		return r, fail(exitError, fmt.Errorf("%s stale in %s", plural(len(changed), "source"), out.Folder), a.llac("datasets dbt")+" writes them")
	}
	return r, nil
}

// completeDatasets offers the names of the contract files.
func (a *App) completeDatasets(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	entries, err := os.ReadDir(a.contracts)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), contract.FileSuffix); ok {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// dataset is one contract in `llac datasets list`.
type dataset struct {
	Dataset    string   `json:"dataset"`
	Title      string   `json:"title"`
	Version    string   `json:"version"`
	SHA256     string   `json:"sha256"`
	Grain      string   `json:"grain"`
	Owner      string   `json:"owner"`
	Licence    string   `json:"licence"`
	Source     string   `json:"source"` // kind and id
	Columns    int      `json:"columns"`
	Personal   []string `json:"personal_fields"` // kept out of staging (invariant 8)
	Key        []string `json:"key"`
	Partition  []string `json:"partition"`
	Slices     []string `json:"slices"`
	References []string `json:"references"`
	Cadence    string   `json:"cadence"`
	Timezone   string   `json:"timezone"`
	Freshness  int64    `json:"freshness_seconds"`
	Rules      int      `json:"rules"`
}

func (a *App) runDatasetsList() (reply, error) {
	contracts, err := pipeline.LoadContracts(a.contracts)
	if err != nil {
		return reply{}, err
	}
	var data struct {
		Datasets []dataset `json:"datasets"`
	}
	for _, c := range contracts {
		d := dataset{
			Dataset: c.Dataset, Title: c.Title, Version: c.Version, SHA256: c.SHA256, Grain: c.Grain, Owner: c.Owner, Licence: c.Licence,
			Source: c.Source.Kind + " " + c.Source.ID, Key: list(c.Key), Partition: list(c.Partition), Slices: []string{},
			References: list(c.References()), Cadence: c.SLA.Cadence, Timezone: c.SLA.Timezone, Freshness: int64(c.SLA.Freshness.Seconds()),
			Rules: len(c.Quality), Personal: []string{},
		}
		if c.Slicing != nil {
			d.Slices = list(c.Slicing.Values)
		}
		for _, f := range c.Fields {
			if f.Staged {
				d.Columns++
			}
			if f.Personal() {
				d.Personal = append(d.Personal, f.Name)
			}
		}
		data.Datasets = append(data.Datasets, d)
	}
	return reply{data: data, text: func(t *text) { datasetsText(t, data.Datasets) }}, nil
}

// list is never nil, so that JSON has a list.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func datasetsText(t *text, datasets []dataset) {
	var rows [][]string
	for _, d := range datasets {
		rows = append(rows, []string{
			d.Dataset, d.Version, d.Source, count(d.Columns), dash(strings.Join(d.Key, ", ")), dash(strings.Join(d.Partition, ", ")), dash(strings.Join(d.References, ", ")),
			d.Cadence + " " + d.Timezone, d.Title,
		})
	}
	t.table([]string{"DATASET", "VERSION", "SOURCE", ">COLUMNS", "KEY", "PARTITIONED BY", "REFERS TO", "SCHEDULE", "TITLE"}, rows, nil)
}

// checkReply is the data of `llac datasets check`.
type checkReply struct {
	Files    []string           `json:"files"`
	Problems []contract.Problem `json:"problems"`
}

func (a *App) runDatasetsCheck(args []string) (reply, error) {
	files := args
	if len(args) == 0 {
		found, err := filepath.Glob(filepath.Join(a.contracts, "*"+contract.FileSuffix))
		if err != nil {
			return reply{}, err
		}
		files = found
	}
	var err error
	if len(args) == 0 {
		_, err = pipeline.LoadContracts(a.contracts)
	} else {
		err = a.checkFiles(args)
	}
	out := checkReply{Files: files, Problems: []contract.Problem{}}
	var problems contract.Problems
	if errors.As(err, &problems) {
		out.Problems = problems
		// The problems are the answer, and so stand on standard output, one a line, as editors read them.
		return reply{data: out, text: func(t *text) { t.line("%s", problems.Error()) }},
			&failure{status: exitContract, err: fmt.Errorf("%s in %s", plural(len(problems), "problem"), plural(len(files), "file")), hint: "mend the lines above"}
	}
	if err != nil {
		return reply{}, err
	}
	return reply{data: out, text: func(t *text) { t.line("%s checked, nothing wrong.", plural(len(files), "contract")) }}, nil
}

// checkFiles checks the files named, alone and then together with the rest of the folder.
func (a *App) checkFiles(files []string) error {
	var (
		problems  contract.Problems
		contracts []*contract.Contract
	)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return fail(exitUsage, fmt.Errorf("read the contract: %w", err), "name files, or none to check all of "+a.contracts)
		}
		c, err := contract.Parse(file, raw)
		var found contract.Problems
		switch {
		case errors.As(err, &found):
			problems = append(problems, found...)
		case err != nil:
			return err
		default:
			contracts = append(contracts, c)
		}
	}
	if len(problems) > 0 {
		return problems
	}
	all, names := contracts, slices.Clone(files)
	if rest, err := contract.LoadDir(a.contracts); err == nil {
		for _, c := range rest {
			if !slices.ContainsFunc(contracts, func(n *contract.Contract) bool { return n.Dataset == c.Dataset }) {
				all, names = append(all, c), append(names, filepath.Join(a.contracts, c.Dataset+contract.FileSuffix))
			}
		}
	}
	for _, p := range contract.CheckTogether(all, names) {
		if slices.Contains(files, p.File) {
			problems = append(problems, p)
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

package cli

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
)

func (a *App) datasetsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "datasets",
		Short: "List, check and publish the dataset contracts",
		Long: `List, check and publish the dataset contracts. A dataset is one file,
<name>.odcs.yaml, in the folder of the contracts: to add a dataset, add its
file.` + exitStatus(exitOK, exitError, exitUsage, exitContract),
		Example: `  llac datasets list
  llac datasets check
  llac datasets publish --env dev`,
		Args: subcommands,
		RunE: showHelp,
	}
	cmd.AddCommand(a.datasetsListCommand(), a.datasetsCheckCommand(), a.datasetsDBTCommand(), a.datasetsExportCommand(),
		a.datasetsPublishCommand())
	return cmd
}

// completeDatasets offers the names of the contract files.
func (a *App) completeDatasets(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	entries, err := os.ReadDir(a.address.Contracts)
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

func (a *App) datasetsListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the datasets that have a contract",
		Long: `List the datasets of the folder, each with its source, its schedule and what its
contract promises.` + exitStatus(exitOK, exitError, exitUsage, exitContract),
		Example: `  llac datasets list
  llac datasets list --json | jq '.data.datasets[].dataset'`,
		Args: cobra.NoArgs,
		RunE: a.run("datasets list", func(context.Context, []string) (reply, error) { return a.runDatasetsList() }),
	}
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
	Personal   []string `json:"personal_fields"` // never staged (invariant 8)
	Key        []string `json:"key"`
	Partition  []string `json:"partition"`
	Slices     []string `json:"slices"`
	References []string `json:"references"`
	Cadence    string   `json:"cadence"`
	Timezone   string   `json:"timezone"`
	Freshness  int64    `json:"freshness_seconds"`
	Rules      int      `json:"rules"`
}

func newDataset(c *contract.Contract) dataset {
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
	return d
}

func (a *App) runDatasetsList() (reply, error) {
	contracts, err := pipeline.LoadContracts(a.address.Contracts)
	if err != nil {
		return reply{}, err
	}
	var data struct {
		Datasets []dataset `json:"datasets"`
	}
	for _, c := range contracts {
		data.Datasets = append(data.Datasets, newDataset(c))
	}
	return reply{data: data, text: func(t *text) { datasetsText(t, data.Datasets) }}, nil
}

func datasetsText(t *text, datasets []dataset) {
	var rows [][]string
	for _, d := range datasets {
		rows = append(rows, []string{
			d.Dataset, d.Version, d.Source, format.Count(d.Columns), dash(strings.Join(d.Key, ", ")), dash(strings.Join(d.Partition, ", ")),
			dash(strings.Join(d.References, ", ")), d.Cadence + " " + d.Timezone, d.Title,
		})
	}
	t.table([]string{"DATASET", "VERSION", "SOURCE", "?>COLUMNS", "?KEY", "?PARTITIONED BY", "?REFERS TO", "?SCHEDULE", "TITLE"}, rows, nil)
}

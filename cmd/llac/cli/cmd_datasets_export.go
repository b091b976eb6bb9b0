package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/export"
	"github.com/llac-project/llac/operations/fault"
	"github.com/llac-project/llac/operations/format"
)

// datasetsExportOptions are the flags of `llac datasets export`.
type datasetsExportOptions struct {
	out   string
	force bool
}

func (a *App) datasetsExportCommand() *cobra.Command {
	var o datasetsExportOptions
	cmd := &cobra.Command{
		Use:   "export [dataset…] --out <folder>",
		Short: "Write published snapshots with their complete contracts",
		Long: `Write the published files of datasets into a folder, byte for byte, each dataset
with its complete contract: <dataset>.odcs.yaml describes every column of the
files, those of the lineage included, and where the files are. Tools of the Open
Data Contract Standard can read it. Without arguments: all published datasets.

The contract is the one that the snapshot was staged under. In the folder:
  datacontract test <dataset>.odcs.yaml` +
			exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitExists, exitCredentials, exitInterrupted),
		Example: `  llac datasets export --out published
  llac datasets export population --out published --force
  llac datasets export --env dev --out published`,
		ValidArgsFunction: a.completeDatasets,
	}
	a.withEnv(cmd.Flags())
	cmd.Flags().StringVar(&o.out, "out", "", "folder for the contracts and the files")
	cmd.Flags().BoolVar(&o.force, "force", false, "permission to overwrite existing files")
	_ = cmd.MarkFlagRequired("out")
	cmd.RunE = a.run("datasets export", func(ctx context.Context, args []string) (reply, error) {
		return a.runDatasetsExport(ctx, o, args)
	})
	return cmd
}

// datasetsExportReply is the data of `llac datasets export`.
type datasetsExportReply struct {
	Folder   string            `json:"folder"`
	Datasets []export.Snapshot `json:"datasets"`
}

func (a *App) runDatasetsExport(ctx context.Context, o datasetsExportOptions, datasets []string) (reply, error) {
	p, err := a.open(ctx)
	if err != nil {
		return reply{}, err
	}
	l, err := p.Ledger()
	if err != nil {
		return reply{}, err
	}
	if len(datasets) == 0 {
		if datasets, err = l.Published(ctx); err != nil {
			return reply{}, err
		}
	}
	if len(datasets) == 0 {
		return reply{}, export.NothingPublished(p.Name(), a.llac)
	}
	out := datasetsExportReply{Folder: o.out, Datasets: []export.Snapshot{}}
	from := export.Lake{Data: l.Lake, Config: p.Config(), Name: p.Name(), Command: a.llac}
	for _, dataset := range datasets {
		s, err := export.WriteSnapshot(ctx, from, dataset, o.out, o.force)
		if err != nil {
			return reply{data: out, text: func(t *text) { datasetsExportText(t, out) }}, interrupted(ctx, dataset, err)
		}
		out.Datasets = append(out.Datasets, s)
	}
	return reply{data: out, text: func(t *text) { datasetsExportText(t, out) }}, nil
}

// interrupted returns the error of an export that did not end.
func interrupted(ctx context.Context, dataset string, err error) error {
	if ctx.Err() != nil {
		return fault.New(fault.Interrupted, fmt.Errorf("interrupted; %s was not written", dataset),
			"run the same command again with --force")
	}
	return err
}

func datasetsExportText(t *text, out datasetsExportReply) {
	var rows [][]string
	simulated := false
	for _, s := range out.Datasets {
		rows = append(rows, []string{
			s.Dataset, s.Snapshot, format.Count(s.Rows), format.Count(len(s.Files)), format.Size(s.Bytes), s.Contract,
		})
		simulated = simulated || s.Simulated
	}
	t.table([]string{"DATASET", "SNAPSHOT", ">ROWS", ">FILES", ">SIZE", "CONTRACT"}, rows, nil)
	if simulated {
		t.line("\nThe data are simulated; data_origin distinguishes recorded facts from invented values.")
	}
}

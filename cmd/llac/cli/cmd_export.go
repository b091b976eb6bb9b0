package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/export"
	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/views"
)

func (a *App) exportCommand() *cobra.Command {
	var o export.Options
	cmd := &cobra.Command{
		Use:   "export <mart | dataset>",
		Short: "Write a table to a CSV, Excel or Parquet file with its source and licence",
		Long: `Write a published table to one file, whole or not at all. The file contains its
source, licence and attribution, the date of the source's last update, the
snapshots or the build, and whether the data are simulated:

  csv      in lines that start with # above the header (pandas: comment="#";
           DuckDB detects them). With --about beside, the header is the first
           line, and they are in <file>-metadata.json (CSV on the Web)
  xlsx     in a second sheet, about; numbers and dates are typed, codes such as
           080193 stay text, and no cell is a formula
  parquet  in the key-value metadata, as in the lake's own files

Use xlsx for Excel. --excel makes a csv that Excel reads correctly: with a byte
order mark, and a ' before texts that it would run as formulas. The same
snapshot gives the same bytes. For a part of a table, or several tables, use
llac sql --format csv.` +
			exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitExists, exitInterrupted),
		Example: `  llac export dim_municipalities
  llac export agg_population_trends_yearly --format xlsx
  llac export social_services --out services.parquet --force
  llac export population --about beside --out population.csv
  llac export quarantine.social_services`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeTables,
	}
	cmd.Flags().StringVar(&o.Format, "format", "", "csv, xlsx or parquet (default: the extension of --out, else csv)")
	cmd.Flags().StringVar(&o.Out, "out", "", "output file (default <name>-<snapshot or build>.<format> in the current folder)")
	cmd.Flags().StringVar(&o.About, "about", export.Inside, "place of the description of a csv: inside, or beside in its own file")
	cmd.Flags().BoolVar(&o.Excel, "excel", false, "csv that Excel reads correctly")
	cmd.Flags().BoolVar(&o.Force, "force", false, "permission to overwrite existing files")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(export.Formats, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("about",
		cobra.FixedCompletions([]string{export.Inside, export.Beside}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = a.run("export", func(ctx context.Context, args []string) (reply, error) { return a.runExport(ctx, o, args[0]) })
	return cmd
}

// completeTables offers the names of the published tables.
func (a *App) completeTables(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var tables views.Tables
	p, err := a.open(cmd.Context())
	if err == nil {
		tables, err = p.Tables(cmd.Context())
	}
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, t := range tables.All {
		names = append(names, export.Name(t)+"\t"+t.Title)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (a *App) runExport(ctx context.Context, o export.Options, name string) (reply, error) {
	p, err := a.open(ctx)
	if err != nil {
		return reply{}, err
	}
	tables, err := p.Tables(ctx)
	if err != nil {
		return reply{}, err
	}
	table, err := export.Find(tables, name, p.Name(), a.llac)
	if err != nil {
		return reply{}, err
	}
	if err := o.Complete(*table); err != nil {
		return reply{}, err
	}
	engine, err := a.openEngine(ctx, a.progress())
	if err != nil {
		return reply{}, err
	}
	data, err := export.Write(ctx, engine, *table, o)
	if err != nil {
		return reply{}, a.asQueryError(ctx, err)
	}
	return reply{data: data, text: func(t *text) {
		t.line("%s: %s of %s, %s.", data.File, format.Plural(int(data.Rows), "row"), data.Table, format.Size(data.Bytes))
		if data.About != "" {
			t.line("%s has their source and licence.", data.About)
		}
		if w := export.Warning(*table); w != "" {
			t.line("%s", w)
		}
	}}, nil
}

package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/views"
	"github.com/llac-project/llac/platform/lake"
)

// exportOptions are the flags of `llac export`.
type exportOptions struct {
	format string
	out    string
	about  string
	excel  bool
	force  bool
}

// exportFormats are the kinds of files, by their endings.
var exportFormats = []string{"csv", "xlsx", "parquet"}

func (a *App) exportCommand() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export <mart | dataset>",
		Short: "Write a table into a file to hand on: CSV, Excel or Parquet, with its source and licence inside",
		Long: `export writes a published table into one file, whole or not at all. Inside stand its source, licence and attribution, when
the source was last updated, the snapshots or the build, and whether the data are simulated:

  csv      in lines that begin with # above the header (pandas: comment="#"; DuckDB finds them itself). With --about beside
           the header is the first line, and they are in <file>-metadata.json, as CSV on the Web has it
  xlsx     in a second sheet, about; numbers and dates are typed, codes such as 080193 stay text, and nothing is a formula
  parquet  in the key-value metadata, as in the lake's own files

For Excel take xlsx. --excel makes a csv that Excel reads with its accents: a byte order mark, and a ' before texts that it
would run as formulas. The same snapshot gives the same bytes. A part of a table, or several: llac sql --format csv.` +
			exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitExists, exitInterrupted),
		Example: `  llac export dim_municipalities
  llac export agg_population_trends_yearly --format xlsx
  llac export social_services --out services.parquet --force
  llac export population --about beside --out population.csv
  llac export quarantine.social_services`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeTables,
	}
	cmd.Flags().StringVar(&o.format, "format", "", "csv, xlsx or parquet (default what --out ends with, else csv)")
	cmd.Flags().StringVar(&o.out, "out", "", "the file (default <name>-<snapshot or build>.<format> in this folder)")
	cmd.Flags().StringVar(&o.about, "about", "inside", "of csv: inside, or beside in a file of its own")
	cmd.Flags().BoolVar(&o.excel, "excel", false, "of csv: as Excel reads it")
	cmd.Flags().BoolVar(&o.force, "force", false, "write over a file that is there")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(exportFormats, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("about", cobra.FixedCompletions([]string{"inside", "beside"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = a.run("export", func(ctx context.Context, args []string) (reply, error) { return a.runExport(ctx, o, args[0]) })
	return cmd
}

// completeTables offers the names of the published tables.
func (a *App) completeTables(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	tables, err := a.tables(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, t := range tables.All {
		names = append(names, shortName(t)+"\t"+t.Title)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// shortName is the name by which a table is found.
func shortName(t views.Table) string {
	if t.Schema == views.Quarantine {
		return t.Schema + "." + t.Name
	}
	return t.Name
}

// exportReply is the data of `llac export`.
type exportReply struct {
	File      string            `json:"file"`
	About     string            `json:"about,omitempty"` // the file beside it
	Table     string            `json:"table"`
	Format    string            `json:"format"`
	Rows      int64             `json:"rows"`
	Bytes     int64             `json:"bytes"`
	SHA256    string            `json:"sha256"`
	Snapshot  string            `json:"snapshot"` // or build
	Simulated bool              `json:"simulated"`
	Says      map[string]string `json:"says"` // what stands inside
}

func (a *App) runExport(ctx context.Context, o exportOptions, name string) (reply, error) {
	tables, err := a.tables(ctx)
	if err != nil {
		return reply{}, err
	}
	table, err := a.find(tables, name)
	if err != nil {
		return reply{}, err
	}
	if err := o.settle(*table); err != nil {
		return reply{}, err
	}
	beside := ""
	if o.about == "beside" {
		beside = o.out + "-metadata.json"
	}
	for _, file := range []string{o.out, beside} {
		if err := o.free(file); err != nil {
			return reply{}, err
		}
	}
	engine, err := a.openEngine(ctx, a.asides())
	if err != nil {
		return reply{}, err
	}
	about, err := a.about(ctx, engine, *table)
	if err != nil {
		return reply{}, stopped(ctx, err)
	}
	// Invariant 2: written where nobody looks, in the same file system, and there in one move.
	hidden, err := os.MkdirTemp(filepath.Dir(o.out), ".llac-export-")
	if err != nil {
		return reply{}, fail(exitUsage, fmt.Errorf("write %s: %w", o.out, err), "--out names a file in a folder that can be written to")
	}
	defer func() { _ = os.RemoveAll(hidden) }() // what is left there is nobody's
	part := filepath.Join(hidden, "part."+o.format)
	rows, err := engine.Export(ctx, duckdb.Export{
		Query: table.Query, Rows: table.Rows, Format: o.format, Out: part, About: about, Warning: warning(*table), Inside: o.about == "inside", Excel: o.excel,
	})
	if err != nil {
		var refused *duckdb.Error
		if errors.As(err, &refused) {
			return reply{}, a.refused(refused)
		}
		return reply{}, stopped(ctx, err)
	}
	if rows != table.Rows {
		return reply{}, fail(exitNotFound, fmt.Errorf("%s has %s rows in its files, and %s were published", name, count(rows), count(table.Rows)), table.Mend)
	}
	data := exportReply{File: o.out, About: beside, Table: table.Schema + "." + table.Name, Format: o.format, Rows: rows, Snapshot: table.Snapshot, Simulated: table.Simulated, Says: map[string]string{}}
	for _, kv := range about {
		data.Says[kv[0]] = kv[1]
	}
	if data.Bytes, data.SHA256, err = digest(part); err != nil {
		return reply{}, err
	}
	if beside != "" {
		if err := os.WriteFile(part+".json", onTheWeb(*table, filepath.Base(o.out), about), 0o644); err != nil {
			return reply{}, fmt.Errorf("write %s: %w", beside, err)
		}
		if err := o.move(part+".json", beside); err != nil {
			return reply{}, err
		}
	}
	if err := o.move(part, o.out); err != nil {
		return reply{}, err
	}
	return reply{data: data, text: func(t *text) {
		t.line("%s: %s of %s, %s.", o.out, plural(int(rows), "row"), data.Table, size(data.Bytes))
		if beside != "" {
			t.line("%s says where they are from and under which licence.", beside)
		}
		if w := warning(*table); w != "" {
			t.line("%s", w)
		}
	}}, nil
}

// find finds the table of a name.
func (a *App) find(tables views.Tables, name string) (*views.Table, error) {
	table := tables.Find(name)
	switch {
	case table == nil && slices.Contains(tables.Unpublished, name):
		return nil, fail(exitNotFound, fmt.Errorf("%s was never published", name), a.llac("run "+name)+" publishes it")
	case table == nil && len(tables.All) == 0:
		return nil, fail(exitNotFound, fmt.Errorf("nothing is published in %s yet", a.dir), a.llac("run")+" publishes")
	case table == nil:
		var names []string
		for _, t := range tables.All {
			names = append(names, shortName(t))
		}
		hint := "there are " + and(names)
		if tables.Build == "" {
			hint += "; the marts were never built: " + a.llac("marts")
		}
		return nil, fail(exitUsage, fmt.Errorf("there is no table %s", name), hint)
	case table.Broken != "":
		return nil, fail(exitNotFound, fmt.Errorf("%s cannot be read: %s", name, table.Broken), table.Mend)
	}
	return table, nil
}

// settle fills in what was not said and refuses what does not go together.
func (o *exportOptions) settle(t views.Table) error {
	if o.format == "" {
		o.format = cmp.Or(strings.TrimPrefix(strings.ToLower(filepath.Ext(o.out)), "."), "csv")
	}
	switch {
	case !slices.Contains(exportFormats, o.format):
		return fail(exitUsage, fmt.Errorf("--format %q is none", o.format), "say "+strings.Join(exportFormats, ", "))
	case o.about != "inside" && o.about != "beside":
		return fail(exitUsage, fmt.Errorf("--about %q is none", o.about), "say inside or beside")
	case o.format != "csv" && (o.about != "inside" || o.excel):
		return fail(exitUsage, errors.New("--about and --excel are of csv alone"), "leave them out; "+o.format+" has all of it inside")
	}
	o.out = cmp.Or(o.out, shortName(t)+"-"+t.Snapshot+"."+o.format)
	if info, err := os.Stat(o.out); err == nil && info.IsDir() {
		return fail(exitUsage, fmt.Errorf("%s is a folder", o.out), "--out names a file")
	}
	return nil
}

// free says whether a file may be written.
func (o *exportOptions) free(file string) error {
	if file == "" || o.force {
		return nil
	}
	if _, err := os.Lstat(file); err == nil {
		return fail(exitExists, fmt.Errorf("%s is there already", file), "--force writes over it, --out names another")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fail(exitUsage, fmt.Errorf("look for %s: %w", file, err), "--out names a file in a folder that is there")
	}
	return nil
}

// move puts a file in its place.
func (o *exportOptions) move(part, file string) error {
	if err := o.free(file); err != nil { // somebody else was faster
		return err
	}
	if err := os.Rename(part, file); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// about is what a file says of its data, in order.
func (a *App) about(ctx context.Context, e duckdb.Engine, t views.Table) ([][2]string, error) {
	origins := t.Origins
	if origins == nil && t.Schema == views.Staging {
		rows, err := e.Run(ctx, duckdb.Job{Query: "select data_origin, count(*) from (" + t.Query + ") group by all"})
		if err != nil {
			return nil, fmt.Errorf("count the rows of %s: %w", t.Name, err)
		}
		origins = map[string]int64{}
		for _, r := range rows.Values {
			if n, ok := r[1].(json.Number); ok {
				origins[fmt.Sprint(r[0])], _ = n.Int64()
			}
		}
	}
	var counted []string
	for _, origin := range slices.Sorted(maps.Keys(origins)) {
		counted = append(counted, fmt.Sprintf("%s=%d", origin, origins[origin]))
	}
	var made []string
	for _, dataset := range slices.Sorted(maps.Keys(t.Snapshots)) {
		made = append(made, dataset+"="+t.Snapshots[dataset])
	}
	is, version := "dataset", "snapshot"
	if t.Schema == views.Marts {
		is, version = "mart", "build"
	}
	all := [][2]string{
		{is, shortName(t)}, {"title", t.Title}, {"grain", t.Grain}, {"description", t.Notes}, {"simulated", fmt.Sprint(t.Simulated)}, // Invariant 11
		{"source_system", t.Source}, {"data_origin", strings.Join(counted, ",")}, {"source", strings.Join(t.Sources, "; ")},
		{"attribution", strings.Join(t.Attribution, "; ")}, {"licence", strings.Join(t.Licences, "; ")}, {"source_updated_at", t.UpdatedAt},
		{version, t.Snapshot}, {"snapshots", strings.Join(made, ",")}, {"rows", fmt.Sprint(t.Rows)},
	}
	return slices.DeleteFunc(all, func(kv [2]string) bool { return kv[1] == "" || kv[0] == "title" && t.Title == t.Grain }), nil
}

// warning says of data that are not real what they are; nothing of real ones (invariant 11).
func warning(t views.Table) string {
	switch {
	case !t.Simulated:
		return ""
	case lake.Origin(t.Source) == lake.SimulatorOrigin:
		return "SIMULATED DATA, not from the real portals: in each row data_origin tells facts that were carried (recorded) from invented values."
	}
	return "UNOFFICIAL DATA, not from the real portals but from " + t.Source + "."
}

// onTheWeb is a file's description as W3C's CSV on the Web has it.
func onTheWeb(t views.Table, file string, about [][2]string) []byte {
	type column struct {
		Name        string `json:"name"`
		Titles      string `json:"titles"`
		Description string `json:"dc:description,omitempty"`
	}
	says := map[string]string{}
	for _, kv := range about {
		says[kv[0]] = kv[1]
	}
	columns := []column{}
	for _, c := range t.Columns {
		columns = append(columns, column{c.Name, c.Name, c.Description})
	}
	out := map[string]any{
		"@context": "http://www.w3.org/ns/csvw", "url": file, "dc:title": cmp.Or(says["title"], t.Name), "dc:description": t.Grain, "dc:source": says["source"],
		"dc:license": says["licence"], "dc:rights": says["attribution"], "dc:modified": says["source_updated_at"], "tableSchema": map[string]any{"columns": columns},
		"notes": []any{says},
	}
	if w := warning(t); w != "" {
		out["rdfs:comment"] = w
	}
	maps.DeleteFunc(out, func(_ string, v any) bool { return v == "" })
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return nil // texts alone cannot fail
	}
	return append(b, '\n')
}

// digest is a file's size and SHA-256.
func digest(file string) (int64, string, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return n, hex.EncodeToString(h.Sum(nil)), err
}

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/views"
)

// sqlOptions are the flags of `llac sql`.
type sqlOptions struct {
	file   string
	format string
	limit  int
}

// sqlFormats are the ways in which a query is answered.
var sqlFormats = []string{"table", "csv", "json", "markdown"}

func (a *App) sqlCommand() *cobra.Command {
	var o sqlOptions
	cmd := &cobra.Command{
		Use:   "sql [query]",
		Short: "Ask the published tables by SQL, or in a shell",
		Long: `sql asks DuckDB about what is published: the datasets' current snapshots (schema staging), the marts (schema marts), and
the rows that were refused (schema quarantine, where there are any). The tables are there under their names, with the
schema or without it. A query reads exactly the files that the pointers name, and can change nothing: neither the lake
nor any other file.

Without a query a shell opens on a terminal (.help lists its commands); elsewhere statements are read from standard
input, each carried out when its semicolon is there. Several statements are carried out one after another; the first
that is refused ends it.

A table is fitted to the terminal and shows a hundred rows unless --limit says otherwise; csv and json write all rows as
they come, in little memory. Whatever was made from simulated data says so: below the table, on standard error beside
csv and json, in the member simulated of --json.

DuckDB comes with the Python environment that also holds dbt; it is made on first use.` +
			exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitInterrupted),
		Example: `  llac sql "select * from municipalities limit 5"
  llac sql "select comarca_name, count(*) from municipalities group by all order by all" --limit 0
  llac sql "from quarantine.social_services select code, field, count(*) group by all"
  llac sql --file query.sql --format csv > answer.csv
  echo "describe population;" | llac sql --format markdown
  llac sql "select max(year) as year from population" --json | jq '.data.results[0].rows[0][0]'
  llac sql`,
		Args:              oneQuery,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVarP(&o.file, "file", "f", "", "read the statements from this file; - is standard input")
	cmd.Flags().StringVar(&o.format, "format", "table", "table, csv, json (rows alone; --json is llac's envelope) or markdown")
	cmd.Flags().IntVar(&o.limit, "limit", -1, "rows of each result; 0: all (default 100 of table and markdown, 10000 of --json, all of csv and json)")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(sqlFormats, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = a.run("sql", func(ctx context.Context, args []string) (reply, error) { return a.runSQL(ctx, o, args) })
	return cmd
}

// oneQuery takes a query that the shell has not taken apart.
func oneQuery(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("one query, and here are %d words; put it between quotes", len(args))
	}
	return nil
}

// sqlReply is the data of `llac sql --json`.
type sqlReply struct {
	Results   []sqlResult       `json:"results"`   // of each statement that gives rows
	Snapshots map[string]string `json:"snapshots"` // by table that the query read: its snapshot or build
	Simulated []string          `json:"simulated"` // those of them whose data are not real (invariant 11)
}

type sqlResult struct {
	duckdb.Rows
	Count int `json:"row_count"`
}

func (a *App) runSQL(ctx context.Context, o sqlOptions, args []string) (reply, error) {
	if !slices.Contains(sqlFormats, o.format) {
		return reply{}, fail(exitUsage, fmt.Errorf("--format %q is none", o.format), "say "+strings.Join(sqlFormats, ", "))
	}
	if o.limit < -1 {
		return reply{}, fail(exitUsage, fmt.Errorf("--limit %d is negative", o.limit), "say 0 for all rows")
	}
	look := duckdb.Look{Format: o.format, Limit: o.limit, Width: a.OutWidth, Color: a.Color}
	if a.json {
		look.Format = "rows"
	}
	streams := duckdb.Streams{In: a.Stdin, Out: a.Stdout, Err: a.Stderr}
	switch {
	case len(args) == 1 && o.file != "":
		return reply{}, fail(exitUsage, errors.New("a query and --file exclude each other"), "give one of them")
	case len(args) == 1:
		look.Statements, streams.In = &args[0], nil
	case o.file != "" && o.file != "-":
		statements, err := os.ReadFile(o.file)
		if err != nil {
			return reply{}, fail(exitUsage, fmt.Errorf("read the statements: %w", err), "--file names a file of SQL; - is standard input")
		}
		text := string(statements)
		look.Statements, streams.In = &text, nil
	case o.file == "" && a.Interactive && !a.json:
		look.Interactive = true
	}
	engine, tables, err := a.open(ctx)
	if err != nil {
		return reply{}, err
	}
	for {
		look.Views, look.Unpublished, look.Run, look.Marts = tables.Views(), list(tables.Unpublished), a.llac("run"), a.llac("marts")
		if look.Interactive {
			look.Banner, look.History = a.banner(tables), filepath.Join(a.dir, "sql_history")
			a.patient.Store(true) // Ctrl-C is the shell's
		}
		report, err := engine.Look(ctx, look, streams)
		a.patient.Store(false)
		if err != nil {
			return reply{}, stopped(ctx, err)
		}
		if !report.Again {
			return a.looked(report, tables), a.refused(report.Error)
		}
		if tables, err = a.tables(ctx); err != nil {
			return reply{}, err
		}
	}
}

// stopped says of a query that Ctrl-C ended that it was.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fail(exitInterrupted, pipeline.ErrInterrupted, "")
	}
	return err
}

// open finds the tables of the lake and the engine to ask them with.
func (a *App) open(ctx context.Context) (duckdb.Engine, views.Tables, error) {
	tables, err := a.tables(ctx)
	if err != nil {
		return duckdb.Engine{}, tables, err
	}
	if len(tables.All) == 0 {
		return duckdb.Engine{}, tables, fail(exitNotFound, fmt.Errorf("nothing is published in %s yet", a.dir), a.llac("run")+" publishes")
	}
	engine, err := a.openEngine(ctx, a.asides())
	return engine, tables, err
}

// tables are what is published in the lake.
func (a *App) tables(ctx context.Context) (views.Tables, error) {
	l, err := a.ledger(ctx)
	if err != nil {
		return views.Tables{}, err
	}
	return views.Read(ctx, views.Lake{Data: l.Lake, Config: filelake.Open(a.dir, pipeline.ConfigBucket), Command: a.llac, Place: a.place})
}

// banner says what the shell looks at.
func (a *App) banner(t views.Tables) []string {
	var datasets, marts int
	var simulated, real []string
	for _, table := range t.All {
		switch table.Schema {
		case views.Staging:
			datasets++
		case views.Marts:
			marts++
		}
		if table.Simulated {
			simulated = append(simulated, table.Name)
		} else if table.Source != "" {
			real = append(real, table.Name)
		}
	}
	what := plural(datasets, "dataset") + ", no marts yet (" + a.llac("marts") + " builds them)"
	if marts > 0 {
		what = plural(datasets, "dataset") + " and " + plural(marts, "mart") + " of build " + t.Build
	}
	lines := []string{"Llac, " + a.dir + ": " + what + ". Nothing can be changed from here."}
	switch { // Invariant 11
	case len(simulated) > 0 && len(real) == 0:
		lines = append(lines, "All these data are simulated; in each row data_origin tells carried facts (recorded) from invented values.")
	case len(simulated) > 0:
		lines = append(lines, "Simulated: "+and(simulated)+".")
	}
	return append(lines, ".tables lists the tables, .help the commands; Ctrl-D leaves.")
}

// looked is the reply to statements that were carried out.
func (a *App) looked(r duckdb.Report, t views.Tables) reply {
	data := sqlReply{Results: []sqlResult{}, Snapshots: map[string]string{}, Simulated: list(r.Simulated)}
	for _, rows := range r.Results {
		data.Results = append(data.Results, sqlResult{rows, len(rows.Values)})
	}
	for _, name := range r.Used {
		if table := t.Find(name); table != nil {
			data.Snapshots[name] = table.Snapshot
		}
	}
	return reply{data: data}
}

// refused turns a refusal into what the tool ends with.
func (a *App) refused(r *duckdb.Error) error {
	if r == nil {
		return nil
	}
	status := exitError
	switch r.Code {
	case "missing":
		status = exitNotFound
	case "read_only", "usage":
		status = exitUsage
	case "interrupted":
		return fail(exitInterrupted, pipeline.ErrInterrupted, "")
	case "refused":
		if slices.Contains([]string{"ParserException", "BinderException", "CatalogException"}, r.Kind) {
			status = exitUsage
		}
	}
	return fail(status, r, cmp.Or(r.Hint, a.llac("sql")+" opens a shell, where .tables and .schema show what there is"))
}

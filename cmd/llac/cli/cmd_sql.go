package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/export"
	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/place"
	"github.com/llac-project/llac/operations/views"
)

// sqlOptions are the flags of `llac sql`.
type sqlOptions struct {
	file   string
	format string
	limit  int
}

// sqlFormats are the formats of the result.
var sqlFormats = []string{"table", "csv", "json", "markdown"}

func (a *App) sqlCommand() *cobra.Command {
	var o sqlOptions
	cmd := &cobra.Command{
		Use:   "sql [query]",
		Short: "Query the published tables with SQL, or open a shell",
		Long: `Query what is published with DuckDB: the current snapshots of the datasets
(schema staging), the marts (schema marts), and quarantined rows (schema
quarantine, if there are any). Tables are found by their names, with or without
the schema. A query reads exactly the files that the pointers name, and cannot
change anything: neither the lake nor any other file.

Without a query, a shell opens on a terminal (.help lists its commands);
otherwise statements are read from standard input, and each is executed when its
semicolon is read. Several statements are executed in order; the first error
ends them.

A table is fitted to the terminal and shows 100 rows by default; csv and json
write all rows as they are read, in little memory. Results of simulated data
are marked: below the table, on standard error with csv and json, in the member
"simulated" with --json.

DuckDB is part of the Python environment that llac manages; it is installed on
first use.` +
			exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitInterrupted),
		Example: `  llac sql "select * from municipalities limit 5"
  llac sql "from quarantine.social_services select code, count(*) group by all"
  llac sql --file query.sql --format csv > answer.csv
  echo "describe population;" | llac sql --format markdown
  llac sql "select max(year) as year from population" --json |
    jq '.data.results[0].rows[0][0]'
  llac sql`,
		Args:              oneQuery,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVarP(&o.file, "file", "f", "", "file of the statements; - means standard input")
	cmd.Flags().StringVar(&o.format, "format", "table", "table, csv, json (rows alone; --json has the envelope) or markdown")
	cmd.Flags().IntVar(&o.limit, "limit", -1,
		"maximum number of rows per result; 0 means no limit (default 100 for table and markdown, 10000 for --json, none for csv and json)")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(sqlFormats, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = a.run("sql", func(ctx context.Context, args []string) (reply, error) { return a.runSQL(ctx, o, args) })
	return cmd
}

// oneQuery refuses a query that the shell has split into words.
func oneQuery(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("want one query, got %d words; put it between quotes", len(args))
	}
	return nil
}

// sqlReply is the data of `llac sql --json`.
type sqlReply struct {
	Results   []sqlResult       `json:"results"`   // of each statement that returns rows
	Snapshots map[string]string `json:"snapshots"` // by table that the query read: its snapshot or build
	Simulated []string          `json:"simulated"` // those of them whose data are not real (invariant 11)
}

type sqlResult struct {
	duckdb.Rows
	Count int `json:"row_count"`
}

// look returns what is executed, and the streams for it.
func (o sqlOptions) look(a *App, args []string) (duckdb.Look, duckdb.Streams, error) {
	look := duckdb.Look{Format: o.format, Limit: o.limit, Width: a.OutWidth, Color: a.Color}
	streams := duckdb.Streams{In: a.Stdin, Out: a.Stdout, Err: a.Stderr}
	if a.json {
		look.Format = "rows"
	}
	switch {
	case !slices.Contains(sqlFormats, o.format):
		return look, streams, invalid("use "+strings.Join(sqlFormats, ", "), "unknown format %q", o.format)
	case o.limit < -1:
		return look, streams, invalid("use 0 for no limit", "--limit %d is negative", o.limit)
	case len(args) == 1 && o.file != "":
		return look, streams, invalid("use one of them", "a query and --file exclude each other")
	case len(args) == 1:
		look.Statements, streams.In = &args[0], nil
	case o.file != "" && o.file != "-":
		statements, err := os.ReadFile(o.file)
		if err != nil {
			return look, streams, fail(exitUsage, fmt.Errorf("read the statements: %w", err),
				"--file names a file of SQL; - means standard input")
		}
		query := string(statements)
		look.Statements, streams.In = &query, nil
	case o.file == "" && a.Interactive && !a.json:
		look.Interactive = true
	}
	return look, streams, nil
}

func (a *App) runSQL(ctx context.Context, o sqlOptions, args []string) (reply, error) {
	look, streams, err := o.look(a, args)
	if err != nil {
		return reply{}, err
	}
	p, err := a.open(ctx)
	if err != nil {
		return reply{}, err
	}
	tables, err := p.Tables(ctx)
	if err != nil {
		return reply{}, err
	}
	if len(tables.All) == 0 {
		return reply{}, export.NothingPublished(p.Name(), a.llac)
	}
	engine, err := a.openEngine(ctx, a.progress())
	if err != nil {
		return reply{}, err
	}
	for {
		report, err := a.look(ctx, engine, p, tables, look, streams)
		if err != nil {
			return reply{}, stopped(ctx, err)
		}
		if !report.Again {
			return sqlResults(report, tables), a.queryError(report.Error)
		}
		if tables, err = p.Tables(ctx); err != nil {
			return reply{}, err
		}
	}
}

// look executes statements, or runs the shell, on the tables.
func (a *App) look(ctx context.Context, e duckdb.Engine, p place.Place, tables views.Tables, look duckdb.Look,
	streams duckdb.Streams) (duckdb.Report, error) {
	look.Views, look.Unpublished, look.Run, look.Marts = tables.Views(), list(tables.Unpublished), a.llac("run"), a.llac("marts")
	if look.Interactive {
		look.Banner, look.History = a.banner(p, tables), filepath.Join(a.address.Dir, "sql_history")
		a.patient.Store(true) // the shell handles Ctrl-C
		defer a.patient.Store(false)
	}
	return e.Look(ctx, look, streams)
}

// stopped returns the error of a query that Ctrl-C may have ended.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fail(exitInterrupted, pipeline.ErrInterrupted, "")
	}
	return err
}

// progress returns the writer for progress messages; with --json it discards them.
func (a *App) progress() io.Writer {
	if a.json {
		return io.Discard
	}
	return a.Stderr
}

// banner returns what the shell shows first.
func (a *App) banner(p place.Place, t views.Tables) []string {
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
	what := format.Plural(datasets, "dataset") + ", no marts yet (" + a.llac("marts") + " builds them)"
	if marts > 0 {
		what = format.Plural(datasets, "dataset") + " and " + format.Plural(marts, "mart") + " of build " + t.Build
	}
	lines := []string{"Llac, " + p.Name() + ": " + what + ". The shell is read-only."}
	switch { // Invariant 11
	case len(simulated) > 0 && len(real) == 0:
		lines = append(lines, "All these data are simulated; in each row data_origin distinguishes recorded facts from invented values.")
	case len(simulated) > 0:
		lines = append(lines, "Simulated: "+format.List(simulated)+".")
	}
	return append(lines, ".tables lists the tables, .help the commands; Ctrl-D exits.")
}

// sqlResults returns the reply to executed statements.
func sqlResults(r duckdb.Report, t views.Tables) reply {
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

// queryError returns the failure of a query; nil for nil.
func (a *App) queryError(r *duckdb.Error) error {
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
	return fail(status, r, cmp.Or(r.Hint, a.llac("sql")+" opens a shell, where .tables and .schema list what there is"))
}

// asQueryError finds the error of a query in an error.
func (a *App) asQueryError(ctx context.Context, err error) error {
	var query *duckdb.Error
	if errors.As(err, &query) {
		return a.queryError(query)
	}
	return stopped(ctx, err)
}

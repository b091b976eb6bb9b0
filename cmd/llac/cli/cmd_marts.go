package cli

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/place"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// martsOptions are the flags of `llac marts`.
type martsOptions struct {
	project     string
	force       bool
	fullRefresh bool
}

func (o *martsOptions) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.project, "dbt", defaultProject, "folder of the dbt project")
	cmd.Flags().BoolVar(&o.force, "force", false, "a build even if nothing has changed")
	cmd.Flags().BoolVar(&o.fullRefresh, "full-refresh", false, "rebuild of the tables that grow daily, from all snapshots that "+
		"are still kept")
}

func (a *App) martsCommand() *cobra.Command {
	var o martsOptions
	cmd := &cobra.Command{
		Use:   "marts",
		Short: "Build, test and list the tables for analysts (marts)",
		Long: `Build every dimension, fact and aggregate of the dbt project from exactly the
published snapshots, and test them. If all tests pass, readers see the new
marts, all at once. Otherwise they keep the old ones, and the wrong rows are
shown. If nothing has changed, nothing is done.

dbt and DuckDB run in a Python environment that llac manages; it is installed on
first use.

With --env, the marts of an AWS environment are built on this machine with the
same engine. The contracts in force there are used. The snapshots are copied to
--dir and checked against the digests in their pointers, and the marts are
written to the data bucket of the environment. Then the tables in Glue, through
which Athena reads the marts, are updated to match the published marts, also
when nothing has changed, so that tables deleted by hand are repaired. Athena
itself builds nothing.` + exitStatus(martsStatuses...),
		Example: `  llac marts
  llac marts list
  llac marts docs --out marts.html
  llac marts build --env dev
  llac marts --json | jq '.data.milliseconds'`,
		Args: subcommands,
		RunE: a.run("marts", func(ctx context.Context, _ []string) (reply, error) { return a.runMarts(ctx, o) }),
	}
	o.register(cmd)
	a.withEnv(cmd.PersistentFlags())
	cmd.AddCommand(a.martsBuildCommand(), a.martsListCommand(), a.martsDocsCommand(), a.martsCleanCommand())
	return cmd
}

func (a *App) martsBuildCommand() *cobra.Command {
	var o martsOptions
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build, test and publish the marts",
		Long:  "Build, test and publish the marts, as llac marts does without a subcommand." + exitStatus(martsStatuses...),
		Example: `  llac marts build
  llac marts build --env dev`,
		Args: cobra.NoArgs,
		RunE: a.run("marts", func(ctx context.Context, _ []string) (reply, error) { return a.runMarts(ctx, o) }),
	}
	o.register(cmd)
	return cmd
}

var martsStatuses = []int{exitOK, exitError, exitUsage, exitContract, exitOwned, exitNotFound, exitMarts, exitCredentials, exitInterrupted}

func (a *App) runMarts(ctx context.Context, o martsOptions) (reply, error) {
	p, err := a.openLake(ctx)
	if err != nil {
		return reply{}, err
	}
	s := a.newScreen()
	defer a.announceStop(ctx, s, "readers keep the published marts")()
	m, err := a.refreshMarts(ctx, p, o, s)
	if err != nil {
		err = a.martsFailure(err, false)
	}
	return reply{data: m, text: func(t *text) { martsReport(t, m) }}, err
}

// openLake opens the place and makes sure that it has a lake.
func (a *App) openLake(ctx context.Context) (place.Place, error) {
	p, err := a.open(ctx)
	if err == nil {
		_, err = p.Ledger()
	}
	return p, err
}

// refreshMarts builds the marts of a place if they are not up to date.
func (a *App) refreshMarts(ctx context.Context, p place.Place, o martsOptions, s *screen) (*marts.Refreshed, error) {
	refresh := a.refreshOptions(o, s)
	m, err := p.Marts().Refresh(ctx, refresh)
	s.clear()
	return m, err
}

func (a *App) refreshOptions(o martsOptions, s *screen) marts.RefreshOptions {
	return marts.RefreshOptions{
		Project: o.project, Force: o.force, FullRefresh: o.fullRefresh, By: whoami(), Clock: a.Clock, Engine: a.openEngine,
		Notice:    s.notice,
		Progress:  s.step,
		Failpoint: runtime.Failpoints("marts", a.Getenv("LLAC_FAILPOINT")),
	}
}

// openEngine opens the managed environment, or what a test replaces it with.
func (a *App) openEngine(ctx context.Context, progress io.Writer) (duckdb.Engine, error) {
	if a.Engine != nil {
		return a.Engine(ctx, progress)
	}
	return duckdb.Open(ctx, progress)
}

func (a *App) martsListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"status"},
		Short:   "List the published marts: grain, rows, tests, build",
		Long: `List the published marts, and the datasets that have a newer snapshot. It needs
no Python.` + exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitCredentials),
		Example: `  llac marts list
  llac marts list --env dev`,
		Args: cobra.NoArgs,
		RunE: a.run("marts list", func(ctx context.Context, _ []string) (reply, error) { return a.runMartsList(ctx) }),
	}
}

// martsListReply is the data of `llac marts list`.
type martsListReply struct {
	*lake.MartsPointer
	Behind []string `json:"behind"` // datasets of which a newer snapshot is published
}

func (a *App) runMartsList(ctx context.Context) (reply, error) {
	l, err := a.ledger(ctx)
	if err != nil {
		return reply{}, err
	}
	p, _, err := lake.ReadMartsPointer(ctx, l.Lake)
	if err != nil {
		return reply{}, err
	}
	if p == nil {
		return reply{}, fail(exitNotFound, errors.New("no marts are published here"), a.llac("marts")+" builds them")
	}
	out := martsListReply{MartsPointer: p}
	if out.Behind, err = marts.Behind(ctx, l.Lake, p); err != nil {
		return reply{}, err
	}
	return reply{data: out, text: func(t *text) { martsListText(t, out) }}, nil
}

func martsListText(t *text, r martsListReply) {
	var rows [][]string
	for _, m := range r.Models {
		rows = append(rows, []string{m.Name, format.Count(m.Rows), martOrigin(m), format.Count(m.Tests), m.Build, grain(m.Grain)})
	}
	t.table([]string{"MART", ">ROWS", "~DATA", "?>TESTS PASSED", "?BUILD", "GRAIN: ONE ROW PER"}, rows, nil)
	t.line("\nBuild %s of %s. A mart of an earlier build still has the same rows, or could not be built again.", r.Build,
		format.Time(r.PublishedAt))
	if len(r.Behind) > 0 {
		t.line("Newer snapshots are published of %s; %s builds the marts from them.", format.List(r.Behind), t.llac("marts"))
	}
}

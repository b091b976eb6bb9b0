package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/dbtsource"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/local/python"
	"github.com/llac-project/llac/platform/runtime"
)

// martsOptions are the flags of `llac marts`.
type martsOptions struct {
	project     string
	force       bool
	fullRefresh bool
}

func (a *App) martsCommand() *cobra.Command {
	var o martsOptions
	cmd := &cobra.Command{
		Use:   "marts",
		Short: "The tables for analysts: build and test them with dbt, list them, their documentation",
		Long: `marts has dbt build every dimension, fact and aggregate of the dbt project from exactly the snapshots that are published,
and test them. Only when all tests have passed do readers see the new marts, all at once; else they keep the old ones and
the rows that are wrong are shown. Where nothing has changed nothing is done.

dbt and DuckDB live in a Python environment of Llac's own, made on first use; nothing else of this machine is touched.

With --env the marts of an environment of the cloud are built, on this machine and by the same engine: the contracts are those in
force there, its snapshots are copied to --dir and checked against the digests in their pointers, and the marts are written to its
data bucket. Then its tables in Glue, by which Athena reads the marts, are brought to what is published: also where nothing has
changed, so that a table which somebody deleted is mended. Athena itself builds nothing.` + exitStatus(martsStatuses...),
		Example: `  llac marts
  llac marts list
  llac marts docs --out marts.html
  llac marts build --env dev
  llac marts --json | jq '.data.milliseconds'`,
		Args: subcommands,
	}
	build := &cobra.Command{
		Use: "build", Short: "Build and test the marts, and publish them", Long: "build is what llac marts does without a word." + exitStatus(martsStatuses...), Args: cobra.NoArgs,
	}
	for _, c := range []*cobra.Command{cmd, build} {
		c.Flags().StringVar(&o.project, "dbt", defaultProject, "folder of the dbt project")
		c.Flags().BoolVar(&o.force, "force", false, "build although nothing has changed")
		c.Flags().BoolVar(&o.fullRefresh, "full-refresh", false, "make the tables that grow by the day anew, of all snapshots that are still kept")
		c.RunE = a.run("marts", func(ctx context.Context, _ []string) (reply, error) { return a.runMarts(ctx, o) })
	}
	cmd.PersistentFlags().StringVar(&a.env, "env", "", "environment of the cloud whose marts are meant, such as dev; without it those in --dir")
	cmd.AddCommand(build, a.martsListCommand(), a.martsDocsCommand(), a.martsCleanCommand())
	return cmd
}

var martsStatuses = []int{exitOK, exitError, exitUsage, exitContract, exitOwned, exitNotFound, exitMarts, exitCredentials, exitInterrupted}

// martsReply is what `llac marts` and `llac run` say of the marts.
type martsReply struct {
	State        string           `json:"state"` // built, up_to_date, failed, old or missing
	Build        string           `json:"build,omitempty"`
	PublishedAt  time.Time        `json:"published_at,omitzero"`
	Models       []martRow        `json:"models"`
	LeftOut      []marts.LeftOut  `json:"left_out,omitempty"`
	Notices      []string         `json:"notices,omitempty"`
	Failure      *marts.Failure   `json:"failure,omitempty"`
	Reason       string           `json:"reason,omitempty"` // why they are missing or old
	Milliseconds map[string]int64 `json:"milliseconds,omitempty"`
	Tests        []marts.Test     `json:"tests,omitempty"`
	Database     string           `json:"database,omitempty"` // of Glue, whose tables follow the marts
	Tables       []string         `json:"tables,omitempty"`   // of it that were made or changed

	files   string // where they lie
	pointer *lake.MartsPointer
	lasted  time.Duration
}

// martRow is one mart of a reply.
type martRow struct {
	lake.Mart
	Milliseconds int64 `json:"milliseconds,omitempty"` // that dbt took to make it
	Reused       bool  `json:"reused,omitempty"`       // the same rows as before: its file stays
}

// The states of a martsReply.
const (
	martsBuilt   = "built"
	martsCurrent = "up_to_date"
	martsFailed  = "failed"  // a model or a test did
	martsMissing = "missing" // there are none
	martsOld     = "old"     // those of an earlier build
)

func (a *App) runMarts(ctx context.Context, o martsOptions) (reply, error) {
	if a.env == "" {
		if _, err := a.ledger(ctx); err != nil {
			return reply{}, err
		}
	}
	screen := a.newScreen()
	defer a.tellStop(ctx, screen)()
	m, err := a.buildMarts(ctx, o, screen)
	if err != nil {
		err = a.martsFailure(err, false)
	}
	return reply{data: m, text: func(t *text) { martsReport(t, m) }}, err
}

// buildMarts builds the marts of the lake in dir, where they are not up to date already. It is the one way to them, of
// `llac marts` and of `llac run`. What it answers says something also when there is an error.
func (a *App) buildMarts(ctx context.Context, o martsOptions, s *screen) (*martsReply, error) {
	began := time.Now() // what a person waits for is real time
	m := &martsReply{State: martsMissing, Models: []martRow{}}
	out, err := a.tryMarts(ctx, o, s, m)
	s.clear()
	m.lasted = time.Since(began)
	m.fill(out, err)
	return m, err
}

func (a *App) tryMarts(ctx context.Context, o martsOptions, s *screen, m *martsReply) (marts.Outcome, error) {
	l, err := a.martsLake(ctx)
	if err != nil {
		return marts.Outcome{}, err
	}
	m.files = l.files
	out, err := a.tryMartsIn(ctx, l, o, s, m)
	if l.tables == nil {
		return out, err
	}
	m.Database = l.tables.Database
	touched, followErr := l.follow(ctx)
	m.Tables = touched
	return out, errors.Join(err, followErr)
}

func (a *App) tryMartsIn(ctx context.Context, l martsLake, o martsOptions, s *screen, m *martsReply) (marts.Outcome, error) {
	contracts, err := l.contracts(ctx)
	if err != nil {
		return marts.Outcome{}, err
	}
	if m.pointer, _, err = lake.ReadMartsPointer(ctx, l.look); err != nil {
		return marts.Outcome{}, err
	}
	// Where nothing has changed neither Python nor the directory's lock is needed.
	plan, err := marts.ReadPlan(ctx, l.look, contracts, o.project, o.fullRefresh)
	if err != nil {
		return marts.Outcome{}, err
	}
	if plan.Current(runtime.Build()) && !o.force && !o.fullRefresh {
		return marts.Outcome{Marts: plan.Published}, nil
	}
	notice := a.notices(s)
	if stale, err := dbtsource.Stale(o.project, contracts); err == nil && len(stale) > 0 {
		mend := a.llac("datasets dbt") + " writes them anew"
		if a.env != "" {
			mend = "build from the work tree whose contracts are in force in " + a.env
		}
		notice(fmt.Sprintf("The dbt sources are not what the contracts say (%s); %s.", strings.Join(stale, ", "), mend))
	}
	engine, err := a.openEngine(ctx, &lineWriter{each: notice})
	if err != nil {
		return marts.Outcome{}, err
	}
	store, release, err := l.own(ctx)
	if err != nil {
		return marts.Outcome{}, err
	}
	out, err := marts.Build(ctx, marts.Options{
		Store: store, Engine: marts.DuckDB{Engine: engine, Place: l.place}, Copies: l.copies, Contracts: contracts, Project: o.project, Folder: l.folder,
		Clock: a.Clock, Code: runtime.Build(), By: whoami(), Force: o.force, FullRefresh: o.fullRefresh, Notice: notice, Progress: s.step,
		Failpoint: runtime.Failpoints("marts", a.Getenv("LLAC_FAILPOINT")),
	})
	return out, errors.Join(err, release())
}

// place is the file of an object of the lake, wherever who reads it stands.
func (a *App) place(key string) string {
	at := pipeline.Place(a.dir, key)
	if whole, err := filepath.Abs(at); err == nil {
		return filepath.ToSlash(whole)
	}
	return at
}

// openEngine is the managed environment; a test has another.
func (a *App) openEngine(ctx context.Context, progress io.Writer) (duckdb.Engine, error) {
	if a.Engine != nil {
		return a.Engine(ctx, progress)
	}
	return duckdb.Open(ctx, progress)
}

// lineWriter hands on each line as it is whole.
type lineWriter struct {
	each func(string)
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		i := bytes.IndexByte(w.rest, '\n')
		if i < 0 {
			return len(p), nil
		}
		w.each("Marts: " + string(w.rest[:i]))
		w.rest = w.rest[i+1:]
	}
}

// fill says what came of a build.
func (m *martsReply) fill(out marts.Outcome, err error) {
	milliseconds, reused := map[string]int64{}, map[string]bool{}
	if r := out.Record; r != nil {
		m.LeftOut, m.Notices, m.Failure, m.Milliseconds, m.Tests = r.LeftOut, r.Notices, r.Failure, r.Times, r.Tests
		for _, model := range r.Models {
			milliseconds[model.Name], reused[model.Name] = model.Milliseconds, model.Reused
		}
	}
	if out.Marts != nil {
		m.pointer = out.Marts
	}
	switch {
	case err == nil && out.Built:
		m.State = martsBuilt
	case err == nil:
		m.State = martsCurrent
	default:
		var failed *marts.FailedError
		m.Reason = err.Error()
		switch {
		case errors.As(err, &failed):
			m.State = martsFailed
		case m.pointer != nil:
			m.State = martsOld
		}
	}
	if m.pointer == nil {
		return
	}
	m.Build, m.PublishedAt = m.pointer.Build, m.pointer.PublishedAt
	for _, mart := range m.pointer.Models {
		row := martRow{Mart: mart}
		if err == nil {
			row.Milliseconds, row.Reused = milliseconds[mart.Name], reused[mart.Name]
		}
		m.Models = append(m.Models, row)
	}
}

// martsFailure is how a failed build ends: with the exit status that says that only the marts are missing, where that is
// so. inRun says that the datasets were run in the same command.
func (a *App) martsFailure(err error, inRun bool) error {
	var (
		noPython *python.NoPythonError
		broken   *marts.BrokenError
		failed   *marts.FailedError
		lost     *marts.LostError
		mixed    *marts.MixedError
		project  *marts.ProjectError
		owned    *aws.OwnedError
		problems contract.Problems
		folder   *pipeline.FolderError
		nobody   *deploy.CredentialsError
		known    *failure
		altered  *lake.IntegrityError
		tables   *tablesError
	)
	build := a.llac("marts")
	hint := build + " tries again"
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, pipeline.ErrInterrupted):
		return fail(exitInterrupted, pipeline.ErrInterrupted, build+" builds the marts; those that were published stay")
	case errors.As(err, &project), errors.As(err, &problems), errors.As(err, &folder), errors.As(err, &nobody), errors.As(err, &known), errors.As(err, &owned) && !inRun:
		return a.classify(err)
	case errors.As(err, &noPython):
		hint = "then " + build + " builds them"
	case errors.As(err, &failed):
		hint = "mend what is shown above, in the data or in the dbt project; " + build + " builds them then"
		if dir := failed.Record.Failure.Folder; dir != "" {
			hint += "; the SQL and dbt's log are in " + dir
		}
	case errors.As(err, &lost):
		hint = a.llac("marts list") + " shows the other's; " + build + " builds again, where the datasets are newer"
	case errors.As(err, &altered):
		hint = "somebody has changed the lake: look who; what was published before stays"
	case errors.As(err, &tables):
		hint = "Athena's readers may see marts of an earlier build; " + build + " brings the tables to what is published, and builds nothing again"
	case errors.As(err, &mixed):
		hint = "keep them in directories of their own: llac run --portal live --dir live"
	case errors.Is(err, marts.ErrNothingPublished):
		hint = a.llac("run") + " publishes datasets, and builds the marts"
	case errors.As(err, &broken):
		hint = "then " + build + " builds them"
	}
	if inRun {
		err = fmt.Errorf("the datasets are published, the marts are not: %w", err)
		hint += "; --no-marts leaves them out"
	}
	return fail(exitMarts, err, hint)
}

func (a *App) martsListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"status"},
		Short:   "The marts that readers see: grain, rows, tests, build",
		Long:    "list shows the published marts, and of which datasets newer snapshots are published. It needs no Python." + exitStatus(exitOK, exitError, exitUsage, exitNotFound, exitCredentials),
		Args:    cobra.NoArgs,
		RunE:    a.run("marts list", func(ctx context.Context, _ []string) (reply, error) { return a.runMartsList(ctx) }),
	}
}

// martsStore is the lake whose marts are meant, for looking at.
func (a *App) martsStore(ctx context.Context) (lake.Store, error) {
	if a.env != "" {
		account, err := a.account(ctx, a.env)
		if err != nil {
			return nil, err
		}
		return account.Lake(a.env), nil
	}
	l, err := a.ledger(ctx)
	return l.Lake, err
}

// martsListReply is the data of `llac marts list`.
type martsListReply struct {
	*lake.MartsPointer
	Behind []string `json:"behind"` // datasets of which a newer snapshot is published
}

func (a *App) runMartsList(ctx context.Context) (reply, error) {
	store, err := a.martsStore(ctx)
	if err != nil {
		return reply{}, err
	}
	p, _, err := lake.ReadMartsPointer(ctx, store)
	if err != nil {
		return reply{}, err
	}
	if p == nil {
		return reply{}, fail(exitNotFound, errors.New("there are no marts here yet"), a.llac("marts")+" builds them")
	}
	out := martsListReply{MartsPointer: p}
	if out.Behind, err = marts.Behind(ctx, store, p); err != nil {
		return reply{}, err
	}
	return reply{data: out, text: func(t *text) { martsListText(t, out) }}, nil
}

func (a *App) martsDocsCommand() *cobra.Command {
	var project, out string
	cmd := &cobra.Command{
		Use:   "docs",
		Short: "Write one page about the marts: every model, column, test and where it comes from",
		Long: `docs writes dbt's documentation of the project and of the published marts as one page that needs no server: open it in a
browser. It changes nothing in the lake.` + exitStatus(exitOK, exitError, exitUsage, exitContract, exitMarts, exitCredentials, exitInterrupted),
		Args: cobra.NoArgs,
		RunE: a.run("marts docs", func(ctx context.Context, _ []string) (reply, error) { return a.runMartsDocs(ctx, project, out) }),
	}
	cmd.Flags().StringVar(&project, "dbt", defaultProject, "folder of the dbt project")
	cmd.Flags().StringVar(&out, "out", "", "the page's file (default <dir>/marts/docs.html; with --env <dir>/cloud/<env>/marts/docs.html)")
	return cmd
}

func (a *App) runMartsDocs(ctx context.Context, project, out string) (reply, error) {
	l, err := a.martsLake(ctx)
	if err != nil {
		return reply{}, err
	}
	contracts, err := l.contracts(ctx)
	if err != nil {
		return reply{}, err
	}
	if err := marts.CheckProject(project); err != nil {
		return reply{}, err
	}
	if out == "" {
		out = filepath.Join(l.folder, "docs.html")
	}
	screen := a.newScreen()
	engine, err := a.openEngine(ctx, &lineWriter{each: a.notices(screen)})
	if err != nil {
		return reply{}, a.martsFailure(err, false)
	}
	err = marts.Docs(ctx, marts.Options{
		Store: l.look, Engine: marts.DuckDB{Engine: engine, Place: l.place}, Copies: l.copies, Contracts: contracts, Project: project, Clock: a.Clock,
	}, out)
	if err != nil {
		return reply{}, a.martsFailure(err, false)
	}
	info, err := os.Stat(out)
	if err != nil {
		return reply{}, err
	}
	data := struct {
		File  string `json:"file"`
		Bytes int64  `json:"bytes"`
	}{out, info.Size()}
	return reply{data: data, text: func(t *text) {
		t.line("%s (%s): open it in a browser.", out, size(info.Size()))
	}}, nil
}

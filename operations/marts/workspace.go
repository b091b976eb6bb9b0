package marts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/dbtsource"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// Workspace is a lake whose marts are built on this machine, and the folder that a build uses.
type Workspace struct {
	Lake   lake.Store // for reading; no lock is taken
	Folder string     // for what a build writes on this machine
	Files  string     // where a person finds the published files
	Place  func(key string) string
	Copies *Copies          // of a lake elsewhere; nil: the engine reads the lake's own files
	Tables *catalogue.Marts // Glue tables that follow the pointer; nil if none
	Stale  string           // what to do when the dbt sources differ from the contracts

	Contracts func(ctx context.Context) ([]*contract.Contract, error)

	// Own locks the folder against other builds and returns the lake to write to; release unlocks it.
	Own func(ctx context.Context) (store lake.Store, release func() error, err error)
}

// OpenEngine opens the engine that builds marts. It reports its progress, such as an installation, line by line.
type OpenEngine func(ctx context.Context, progress io.Writer) (duckdb.Engine, error)

// RefreshOptions are what Refresh needs besides the workspace.
type RefreshOptions struct {
	Project     string // folder of the dbt project
	Force       bool   // build although nothing has changed
	FullRefresh bool   // rebuild incremental models from all snapshots that are still kept
	By          string // who asks, for the record
	Clock       clock.Clock
	Engine      OpenEngine
	Notice      func(string)
	Progress    func(Step)
	Failpoint   func(point string)
}

// State is the result of a refresh.
type State string

// The states of a refresh.
const (
	StateBuilt   State = "built"
	StateCurrent State = "up_to_date"
	StateFailed  State = "failed"  // a model or a test failed
	StateMissing State = "missing" // there are no marts
	StateOld     State = "old"     // readers see the marts of an earlier build
)

// Refreshed is the result of a refresh.
type Refreshed struct {
	State        State            `json:"state"`
	Build        string           `json:"build,omitempty"`
	PublishedAt  time.Time        `json:"published_at,omitzero"`
	Models       []RefreshedModel `json:"models"`
	LeftOut      []LeftOut        `json:"left_out,omitempty"`
	Notices      []string         `json:"notices,omitempty"`
	Failure      *Failure         `json:"failure,omitempty"`
	Reason       string           `json:"reason,omitempty"` // why the marts are missing or old
	Milliseconds map[string]int64 `json:"milliseconds,omitempty"`
	Tests        []Test           `json:"tests,omitempty"`
	Database     string           `json:"database,omitempty"` // of Glue, whose tables follow the marts
	Tables       []string         `json:"tables,omitempty"`   // of Database that were created or changed

	Files string        `json:"-"` // where a person finds the published files
	Took  time.Duration `json:"-"`

	pointer *lake.MartsPointer
}

// RefreshedModel is one published mart.
type RefreshedModel struct {
	lake.Mart
	Milliseconds int64 `json:"milliseconds,omitempty"` // that dbt took to build it
	Reused       bool  `json:"reused,omitempty"`       // its rows are the same as before, so its file stays
}

// TablesError reports that the marts are published and that the tables of Glue do not show them.
type TablesError struct{ Err error }

func (e *TablesError) Error() string {
	return "the tables of the marts in Glue do not show what is published: " + e.Err.Error()
}

func (e *TablesError) Unwrap() error { return e.Err }

// Refresh builds the marts if they are not up to date, and updates the tables of Glue to match the published marts. The
// result is complete also when there is an error; the error is that of Build, or a *TablesError.
func (w Workspace) Refresh(ctx context.Context, o RefreshOptions) (*Refreshed, error) {
	started := time.Now() // what a person waits for is real time
	r := &Refreshed{State: StateMissing, Models: []RefreshedModel{}, Files: w.Files}
	out, err := w.build(ctx, o, r)
	if w.Tables != nil {
		r.Database = w.Tables.Database
		var followErr error
		r.Tables, followErr = w.follow(ctx)
		err = errors.Join(err, followErr)
	}
	r.Took = time.Since(started)
	r.fill(out, err)
	return r, err
}

func (w Workspace) build(ctx context.Context, o RefreshOptions, r *Refreshed) (Outcome, error) {
	contracts, err := w.Contracts(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if r.pointer, _, err = lake.ReadMartsPointer(ctx, w.Lake); err != nil {
		return Outcome{}, err
	}
	// If nothing has changed, neither Python nor the lock of the folder is needed.
	plan, err := ReadPlan(ctx, w.Lake, contracts, o.Project, o.FullRefresh)
	if err != nil {
		return Outcome{}, err
	}
	if plan.Current(runtime.Build()) && !o.Force && !o.FullRefresh {
		return Outcome{Marts: plan.Published}, nil
	}
	if stale, err := dbtsource.Stale(o.Project, contracts); err == nil && len(stale) > 0 {
		o.Notice(fmt.Sprintf("The dbt sources differ from the contracts (%s); %s.", strings.Join(stale, ", "), w.Stale))
	}
	engine, err := o.Engine(ctx, &lineWriter{each: o.Notice})
	if err != nil {
		return Outcome{}, err
	}
	store, release, err := w.Own(ctx)
	if err != nil {
		return Outcome{}, err
	}
	out, err := Build(ctx, Options{
		Store: store, Engine: DuckDB{Engine: engine, Place: w.Place}, Copies: w.Copies, Contracts: contracts, Project: o.Project,
		Folder: w.Folder,
		Clock:  o.Clock, Code: runtime.Build(), By: o.By, Force: o.Force, FullRefresh: o.FullRefresh, Notice: o.Notice,
		Progress:  o.Progress,
		Failpoint: o.Failpoint,
	})
	return out, errors.Join(err, release())
}

// follow updates the tables to match the published marts, whoever published them, and returns those that it created or
// changed. It runs also after a failed build: another process may have died between publishing and updating the tables.
func (w Workspace) follow(ctx context.Context) ([]string, error) {
	if w.Tables == nil || ctx.Err() != nil {
		return nil, nil
	}
	touched, err := w.Tables.Follow(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		err = &TablesError{err}
	}
	return touched, err
}

// fill completes the result from the outcome and the error of a build.
func (r *Refreshed) fill(out Outcome, err error) {
	milliseconds, reused := map[string]int64{}, map[string]bool{}
	if record := out.Record; record != nil {
		r.LeftOut, r.Notices, r.Failure, r.Milliseconds, r.Tests = record.LeftOut, record.Notices, record.Failure,
			record.Times, record.Tests
		for _, model := range record.Models {
			milliseconds[model.Name], reused[model.Name] = model.Milliseconds, model.Reused
		}
	}
	if out.Marts != nil {
		r.pointer = out.Marts
	}
	r.State = r.state(out, err)
	if err != nil {
		r.Reason = err.Error()
	}
	if r.pointer == nil {
		return
	}
	r.Build, r.PublishedAt = r.pointer.Build, r.pointer.PublishedAt
	for _, mart := range r.pointer.Models {
		model := RefreshedModel{Mart: mart}
		if err == nil {
			model.Milliseconds, model.Reused = milliseconds[mart.Name], reused[mart.Name]
		}
		r.Models = append(r.Models, model)
	}
}

func (r *Refreshed) state(out Outcome, err error) State {
	var failed *FailedError
	switch {
	case err == nil && out.Built:
		return StateBuilt
	case err == nil:
		return StateCurrent
	case errors.As(err, &failed):
		return StateFailed
	case r.pointer != nil:
		return StateOld
	}
	return StateMissing
}

// Clean deletes files of the marts that readers have not seen for the time of o.Keep; see the function Clean.
func (w Workspace) Clean(ctx context.Context, o CleanOptions) (Cleaned, error) {
	release := func() error { return nil }
	o.Store = w.Lake
	if !o.DryRun {
		var err error
		if o.Store, release, err = w.Own(ctx); err != nil {
			return Cleaned{}, err
		}
	}
	cleaned, err := w.clean(ctx, o)
	return cleaned, errors.Join(err, release())
}

func (w Workspace) clean(ctx context.Context, o CleanOptions) (Cleaned, error) {
	if w.Tables != nil && !o.DryRun {
		o.Forget = w.Tables.Forget
		// A public table that still shows a build would keep its files.
		if _, err := w.follow(ctx); err != nil {
			return Cleaned{}, err
		}
	}
	return Clean(ctx, o)
}

// Docs writes one page about the project and the published marts to a file.
func (w Workspace) Docs(ctx context.Context, o RefreshOptions, out string) error {
	contracts, err := w.Contracts(ctx)
	if err != nil {
		return err
	}
	if err := CheckProject(o.Project); err != nil {
		return err
	}
	engine, err := o.Engine(ctx, &lineWriter{each: o.Notice})
	if err != nil {
		return err
	}
	return Docs(ctx, Options{
		Store: w.Lake, Engine: DuckDB{Engine: engine, Place: w.Place}, Copies: w.Copies, Contracts: contracts,
		Project: o.Project, Clock: o.Clock,
	}, out)
}

// lineWriter calls each with every complete line.
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

package marts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// Options select what to build, and where.
type Options struct {
	Store       lake.Store
	Engine      Engine
	Copies      *Copies // local copies that the engine reads; nil: the engine reads the lake's own files
	Contracts   []*contract.Contract
	Project     string // folder of the dbt project
	Folder      string // for the build's files on this machine; one build at a time uses it
	Clock       clock.Clock
	Code        string // version of llac
	By          string // who asked for the build; goes into the record
	Force       bool   // build even if nothing has changed
	FullRefresh bool   // rebuild incremental models from all snapshots that still exist

	Notice    func(string)       // receives what a person should know at once; nil: not reported
	Progress  func(Step)         // nil: not reported
	Failpoint func(point string) // called between the steps; only crash tests set it
}

// The failpoints of a build.
const (
	FailpointTested   = "tested"   // every test has passed, nothing is written
	FailpointExported = "exported" // the objects are written, the record is not
	FailpointRecorded = "recorded" // the record is written, the pointer has not moved
)

// Outcome is the result of Build.
type Outcome struct {
	Built  bool               `json:"built"` // false: the published marts were up to date
	Marts  *lake.MartsPointer `json:"marts"`
	Record *Record            `json:"record,omitempty"` // of the build that made Marts, or of the one that failed
}

// Build makes and tests the marts and, if all tests pass, publishes them.
//
// The error is that of ReadPlan; *FailedError if a model or a test failed; *LostError if another build published first;
// *BrokenError if the engine does not work; the cause of ctx if ctx ended. After any error the published marts are
// unchanged.
func Build(ctx context.Context, o Options) (Outcome, error) {
	o.fill()
	plan, err := ReadPlan(ctx, o.Store, o.Contracts, o.Project, o.FullRefresh)
	if err != nil {
		return Outcome{}, err
	}
	if plan.Current(o.Code) && !o.Force && !o.FullRefresh {
		return Outcome{Marts: plan.Published}, nil
	}
	b := &build{Options: o, plan: plan, read: plan.ids()}
	err = b.run(ctx)
	return Outcome{Built: err == nil, Marts: b.next, Record: b.record}, err
}

func (o *Options) fill() {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	if o.Progress == nil {
		o.Progress = func(Step) {}
	}
	if o.Failpoint == nil {
		o.Failpoint = func(string) {}
	}
}

// build is one call of Build.
type build struct {
	Options
	plan    *Plan
	read    map[string]string // the published snapshots when the build started, by dataset
	id      string
	folder  string
	session Session
	project *Project
	lineage *lineage
	marts   []mart
	record  *Record
	next    *lake.MartsPointer
	results map[string]Result // by node id
}

func (b *build) run(ctx context.Context) error {
	if err := b.start(ctx); err != nil {
		return err
	}
	if err := b.makeFolder(); err != nil {
		return err
	}
	err := b.work(ctx)
	if b.session != nil {
		err = errors.Join(err, b.session.Close())
	}
	if err == nil {
		err = os.RemoveAll(b.folder)
		if b.Copies != nil {
			err = errors.Join(err, b.Copies.Keep())
		}
		return err
	}
	if ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), os.RemoveAll(b.folder))
	}
	return b.failed(context.WithoutCancel(ctx), err)
}

// start claims an id for the build and begins its record.
func (b *build) start(ctx context.Context) (err error) {
	host, _ := os.Hostname()
	started := b.Clock.Now().UTC()
	published := ""
	if b.plan.Published != nil {
		published = b.plan.Published.Build
	}
	b.id, err = claim(ctx, b.Store, started, published, map[string]string{
		"by": b.By, "host": host, "started_at": started.Format(time.RFC3339Nano), "process": fmt.Sprint(os.Getpid()),
	})
	if err != nil {
		return fmt.Errorf("claim an id for the build: %w", err)
	}
	b.record = &Record{
		Build: b.id, StartedAt: started, By: b.By, Code: b.Code, Engine: b.Engine.Name(), Project: b.plan.Project,
		Previous: published, Snapshots: b.read, Times: map[string]int64{},
	}
	return nil
}

// makeFolder makes the build's folder and removes those of builds that were killed: only one build at a time uses Folder.
func (b *build) makeFolder() error {
	old, err := filepath.Glob(filepath.Join(b.Folder, "work-*"))
	if err != nil {
		return err
	}
	for _, f := range old {
		if err := os.RemoveAll(f); err != nil {
			return fmt.Errorf("remove the folder of an earlier build: %w", err)
		}
	}
	b.folder = filepath.Join(b.Folder, "work-"+b.id)
	if err := os.MkdirAll(b.folder, 0o755); err != nil {
		return fmt.Errorf("make the folder of the build: %w", err)
	}
	return nil
}

// work runs the steps of the build, from opening the engine to moving the pointer.
func (b *build) work(ctx context.Context) error {
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"open", b.open}, {"parse", b.parse}, {"build", b.make}, {"freshness", b.freshness}, {"measure", b.measure},
		{"export", b.export}, {"publish", b.publish},
	} {
		started := time.Now() // real time, not the build's clock
		err := step.do(ctx)
		b.record.Times[step.name] = time.Since(started).Milliseconds()
		if err != nil {
			return err
		}
	}
	return nil
}

// notice reports a line to the caller and adds it to the record.
func (b *build) notice(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	b.record.Notices = append(b.record.Notices, line)
	b.Notice(line)
}

package marts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/dbtsource"
	"github.com/llac-project/llac/platform/lake"
)

// Options are what is to be built.
type Options struct {
	Store       lake.Store
	Engine      Engine
	Copies      *Copies // that the engine reads, of a lake that lies elsewhere; nil: it reads the lake's own files
	Contracts   []*contract.Contract
	Project     string // folder of the dbt project
	Folder      string // for what a build writes on this machine; one build at a time uses it
	Clock       clock.Clock
	Code        string // build of llac
	By          string // who asks, for the record
	Force       bool   // build although nothing has changed
	FullRefresh bool   // make incremental models anew, of all snapshots that are still there

	Notice    func(string)       // told what a person should know at once; nil: nobody
	Progress  func(Step)         // nil: nobody
	Failpoint func(point string) // called between the steps; only tests of crashes set it
}

// The failpoints of a build.
const (
	FailpointTested   = "tested"   // every test passed, nothing is written
	FailpointExported = "exported" // the objects are written, the record is not
	FailpointRecorded = "recorded" // the record is written, the pointer has not moved
)

// Outcome is what a build came to.
type Outcome struct {
	Built  bool               `json:"built"` // false: what is published was up to date
	Marts  *lake.MartsPointer `json:"marts"`
	Record *Record            `json:"record,omitempty"` // of the build that made Marts, or of the one that failed
}

// Build makes and tests the marts and, when all is well, has readers see them.
//
// The error is that of ReadPlan; *FailedError when a model or a test failed; *LostError when another build was faster;
// *BrokenError when the engine does not work; the cause of ctx when it ended. Whatever it is, the published marts are as
// they were.
func Build(ctx context.Context, o Options) (Outcome, error) {
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
	plan, err := ReadPlan(ctx, o.Store, o.Contracts, o.Project, o.FullRefresh)
	if err != nil {
		return Outcome{}, err
	}
	if plan.Current(o.Code) && !o.Force && !o.FullRefresh {
		return Outcome{Marts: plan.Published}, nil
	}
	b := &build{Options: o, plan: plan, seen: plan.ids()}
	err = b.run(ctx)
	return Outcome{Built: err == nil, Marts: b.next, Record: b.record}, err
}

// build is one Build.
type build struct {
	Options
	plan    *Plan
	seen    map[string]string // the snapshots that were there when it began
	id      string
	folder  string
	session Session
	project *Project
	lineage *lineage
	record  *Record
	next    *lake.MartsPointer
	results map[string]Result // by node id
	keys    map[string]string // by mart: the column that a test has found to tell rows apart
}

func (b *build) run(ctx context.Context) (err error) {
	host, _ := os.Hostname()
	started := b.Clock.Now().UTC()
	published := ""
	if b.plan.Published != nil {
		published = b.plan.Published.Build
	}
	b.id, err = claim(ctx, b.Store, started, published, map[string]string{"by": b.By, "host": host, "started_at": started.Format(time.RFC3339Nano), "process": fmt.Sprint(os.Getpid())})
	if err != nil {
		return fmt.Errorf("take an id for the build: %w", err)
	}
	b.record = &Record{
		Build: b.id, StartedAt: started, By: b.By, Code: b.Code, Engine: b.Engine.Name(), Project: b.plan.Project, Previous: published,
		Snapshots: b.seen, Times: map[string]int64{},
	}
	if err := b.prepare(); err != nil {
		return err
	}
	err = b.work(ctx)
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

// prepare makes the folder of the build and removes what builds left that were killed: one build at a time is here.
func (b *build) prepare() error {
	old, err := filepath.Glob(filepath.Join(b.Folder, "work-*"))
	if err != nil {
		return err
	}
	for _, f := range old {
		if err := os.RemoveAll(f); err != nil {
			return fmt.Errorf("remove what an earlier build left: %w", err)
		}
	}
	b.folder = filepath.Join(b.Folder, "work-"+b.id)
	if err := os.MkdirAll(b.folder, 0o755); err != nil {
		return fmt.Errorf("make the folder of the build: %w", err)
	}
	return nil
}

// work is everything between the claim and the pointer.
func (b *build) work(ctx context.Context) error {
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"open", b.open}, {"parse", b.parse}, {"build", b.make}, {"freshness", b.freshness}, {"measure", b.measure}, {"export", b.export}, {"publish", b.publish},
	} {
		began := time.Now() // how long work takes is a matter of real time, whatever the clock of the build
		err := step.do(ctx)
		b.record.Times[step.name] = time.Since(began).Milliseconds()
		if err != nil {
			return err
		}
	}
	return nil
}

// notice tells a person and the record.
func (b *build) notice(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	b.record.Notices = append(b.record.Notices, line)
	b.Notice(line)
}

// open starts the engine and gives it the snapshots and the published marts.
func (b *build) open(ctx context.Context) (err error) {
	b.Progress(Step{Doing: "parse"})
	if b.session, err = b.Engine.Open(ctx, b.folder, b.Project); err != nil {
		return err
	}
	b.record.Versions = b.session.Versions()
	if err := b.copy(ctx, b.plan); err != nil {
		return err
	}
	if err := b.session.Relate(ctx, b.plan.relations()); err != nil {
		return fmt.Errorf("open the snapshots: %w", err)
	}
	return b.complete(ctx)
}

// copy has what a plan reads where the engine finds it.
func (o Options) copy(ctx context.Context, p *Plan) error {
	if o.Copies == nil {
		return nil
	}
	progress := o.Progress
	if progress == nil {
		progress = func(Step) {}
	}
	if err := o.Copies.Bring(ctx, p.reads(), progress); err != nil {
		return fmt.Errorf("copy what is built from: %w", err)
	}
	return nil
}

// complete leaves out snapshots that lack columns of their contract: they were staged under an earlier one, and no model
// could read them.
func (b *build) complete(ctx context.Context) error {
	rows, err := b.session.Query(ctx, "select table_name, column_name from information_schema.columns where table_schema = "+duckdb.Text(stagingSchema), 0)
	if err != nil {
		return fmt.Errorf("look at the columns of the snapshots: %w", err)
	}
	has := map[string]bool{}
	for _, row := range rows.Values {
		has[fmt.Sprint(row[0])+"."+fmt.Sprint(row[1])] = true
	}
	lacks := func(s *lake.Pointer) []string {
		var out []string
		for _, c := range dbtsource.Columns(b.plan.contracts[s.Dataset]) {
			if !has[relation(s.Dataset, s.Snapshot)+"."+c.Name] {
				out = append(out, c.Name)
			}
		}
		return out
	}
	p := b.plan
	p.Daily = slices.DeleteFunc(p.Daily, func(s *lake.Pointer) bool {
		columns := lacks(s)
		if columns == nil || s == p.Snapshots[s.Dataset] {
			return false
		}
		p.notice("Snapshot %s of %s was staged under an earlier contract, without %s: it is left out.", s.Snapshot, s.Dataset, strings.Join(columns, ", "))
		return true
	})
	if p.Last != nil && lacks(p.Last) != nil {
		p.Last = nil
	}
	for _, dataset := range slices.Sorted(maps.Keys(p.Snapshots)) {
		s := p.Snapshots[dataset]
		if columns := lacks(s); columns != nil {
			p.notice("Snapshot %s of %s was staged under an earlier contract, without %s: what is made of it is left out. llac run --force %s stages it anew.", s.Snapshot, dataset, strings.Join(columns, ", "), dataset)
			delete(p.Snapshots, dataset)
			if dataset == dailyDataset {
				p.Daily, p.Last = nil, nil
			}
		}
	}
	for _, n := range p.Notices {
		b.notice("%s", n)
	}
	for _, s := range p.Daily {
		b.record.Daily = append(b.record.Daily, s.Snapshot)
	}
	return nil
}

// there says whether a dataset can be read.
func (b *build) there(dataset string) bool { return b.plan.Snapshots[dataset] != nil }

// parse has dbt read the project, finds what can be made, and has incremental models begin with what is published.
func (b *build) parse(ctx context.Context) (err error) {
	if b.project, err = b.session.Parse(ctx, b.plan.variables(b.Clock.Now())); err != nil {
		return fmt.Errorf("dbt cannot read the project %s: %w", b.Project, err)
	}
	b.lineage = trace(b.project)
	marts, err := b.lineage.marts()
	if err != nil {
		return err
	}
	var fill []string
	made := 0
	for _, n := range marts {
		published := b.plan.mart(n.Name)
		if lacking := b.lineage.lacks(n.ID, b.there); len(lacking) > 0 {
			left := LeftOut{Model: n.Name, Datasets: lacking}
			if published != nil {
				left.Kept = published.Build
			}
			b.record.LeftOut = append(b.record.LeftOut, left)
			continue
		}
		made++
		if n.Materialized != "incremental" || published == nil || b.FullRefresh {
			continue
		}
		if published.Model != n.Checksum {
			b.notice("The SQL of %s has changed since build %s: the rows it has stay as they were made. --full-refresh makes them anew.", n.Name, published.Build)
		}
		fill = append(fill, n.Name)
	}
	for _, l := range b.record.LeftOut {
		kept := "there is none yet"
		if l.Kept != "" {
			kept = "what build " + l.Kept + " made of it stays"
		}
		b.notice("%s is left out, because %s %s not there: %s.", l.Model, strings.Join(l.Datasets, " and "), map[bool]string{true: "is", false: "are"}[len(l.Datasets) == 1], kept)
	}
	if made == 0 {
		return fmt.Errorf("no mart can be made of what is published (%s): %w", strings.Join(slices.Sorted(maps.Keys(b.plan.Snapshots)), ", "), ErrNothingPublished)
	}
	if err := b.session.Fill(ctx, fill); err != nil {
		return fmt.Errorf("begin with the published marts: %w", err)
	}
	return nil
}

// make has dbt make and test everything that can be made.
func (b *build) make(ctx context.Context) error {
	total := b.lineage.buildable(b.there)
	results, err := b.session.Build(ctx, b.lineage.selection(b.there), func(s Step) {
		s.Total = total
		b.Progress(s)
	})
	if err != nil {
		return fmt.Errorf("dbt build: %w", err)
	}
	b.results = map[string]Result{}
	failing := false
	for _, r := range results {
		b.results[r.ID] = r
		n := b.lineage.nodes[r.ID]
		switch {
		case r.Type == "test" || r.Type == "unit_test":
			b.record.Tests = append(b.record.Tests, Test{Name: r.Name, Type: r.Type, About: b.about(n), Status: r.Status, Failures: r.Failures, Milliseconds: int64(r.Seconds * 1000)})
		default:
			b.record.Models = append(b.record.Models, Model{Name: r.Name, Type: r.Type, Materialized: n.Materialized, Status: r.Status, Milliseconds: int64(r.Seconds * 1000)})
		}
		failing = failing || r.Bad()
		if r.Status == "warn" {
			b.notice("Test %s of %s warns: %s.", r.Name, strings.Join(b.about(n), " and "), strings.TrimSuffix(r.Message, "."))
		}
	}
	slices.SortFunc(b.record.Tests, func(x, y Test) int { return strings.Compare(x.Name, y.Name) })
	slices.SortFunc(b.record.Models, func(x, y Model) int { return strings.Compare(x.Name, y.Name) })
	// Invariant 3: one test that did not pass keeps all marts from being published.
	if failing {
		return b.explain(ctx, results)
	}
	return nil
}

// about are the names of what a test is about.
func (b *build) about(n Node) []string {
	out := []string{}
	for _, id := range n.DependsOn {
		if on, ok := b.lineage.nodes[id]; ok {
			out = append(out, on.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// How much of what is wrong is shown.
const (
	wrongRows  = 5
	wrongTests = 20
	cellLength = 200 // characters
)

// explain finds the rows that tests found wrong. Staging has no personal field, so no row has one either (invariant 8).
func (b *build) explain(ctx context.Context, results []Result) error {
	f := &Failure{}
	failed := 0
	for _, r := range results {
		if !r.Bad() || r.Status == "skipped" {
			continue
		}
		failed++
		if len(f.Nodes) == wrongTests {
			continue
		}
		broken := Broken{Name: r.Name, Type: r.Type, About: b.about(b.lineage.nodes[r.ID]), Message: short(r.Message, 10*cellLength), Failures: r.Failures}
		if r.Query != "" {
			rows, err := b.session.Query(ctx, "select * from ("+r.Query+"\n) as wrong", wrongRows)
			if err != nil {
				broken.Message += "; the rows cannot be shown: " + err.Error()
			}
			for _, c := range rows.Columns {
				broken.Columns = append(broken.Columns, c.Name)
			}
			for _, row := range rows.Values {
				for i, v := range row {
					if s, ok := v.(string); ok {
						row[i] = short(s, cellLength)
					}
				}
				broken.Rows = append(broken.Rows, row)
			}
			broken.More = rows.More
		}
		f.Nodes = append(f.Nodes, broken)
	}
	what := "models or tests"
	if failed == 1 {
		what = "model or test"
	}
	f.Message = fmt.Sprintf("%d %s failed, so nothing of build %s is published", failed, what, b.id)
	b.record.Failure = f
	return &FailedError{b.record}
}

func short(s string, length int) string {
	runes := []rune(s)
	if len(runes) <= length {
		return s
	}
	return string(runes[:length-1]) + "…"
}

// freshness asks how old the sources are. A source that was not looked at for long makes no number wrong: it is told.
func (b *build) freshness(ctx context.Context) error {
	var sources []string
	for _, n := range b.project.Nodes {
		if n.Type == "source" && b.there(n.Name) {
			sources = append(sources, "source:"+n.Source+"."+n.Name)
		}
	}
	if sources == nil {
		return nil
	}
	ages, err := b.session.Freshness(ctx, sources)
	if err != nil {
		return fmt.Errorf("dbt source freshness: %w", err)
	}
	b.record.Freshness = ages
	for _, a := range ages {
		if a.Status != "pass" {
			b.notice("%s is stale: its source was last looked at %s.", a.Dataset, b.plan.CheckedAt[a.Dataset].UTC().Format("2006-01-02 15:04"))
		}
	}
	return nil
}

// keyTest is the generic test that finds a column to be a key. dbt's own, unique, lets nulls be equal.
const keyTest = "is_unique_and_not_null"

// measure looks at the tables as they were made.
func (b *build) measure(ctx context.Context) error {
	marts, err := b.lineage.marts()
	if err != nil {
		return err
	}
	b.keys = map[string]string{}
	b.next = &lake.MartsPointer{Build: b.id, Project: b.plan.Project, Code: b.Code, Snapshots: b.seen, Previous: b.record.Previous}
	for _, n := range marts {
		if len(b.lineage.lacks(n.ID, b.there)) > 0 {
			if kept := b.plan.mart(n.Name); kept != nil {
				b.next.Models = append(b.next.Models, *kept)
			}
			continue
		}
		m := lake.Mart{
			Name: n.Name, Kind: n.text("kind"), Grain: n.text("grain"), Description: n.Description, Build: b.id, Snapshots: map[string]string{}, Model: n.Checksum,
		}
		for _, dataset := range b.lineage.list(n.ID) {
			s := b.plan.Snapshots[dataset]
			m.Snapshots[dataset] = s.Snapshot
			m.UpdatedAt = max(m.UpdatedAt, s.Attribution["updated"])
			m.Attribution, m.Licences = with(m.Attribution, s.Attribution["attribution"]), with(m.Licences, s.Attribution["licence"])
		}
		for id, r := range b.results {
			test := b.lineage.nodes[id]
			if (r.Type == "test" || r.Type == "unit_test") && slices.Contains(test.DependsOn, n.ID) {
				m.Tests++
			}
			if r.Status == "pass" && test.Test == keyTest && slices.Equal(test.DependsOn, []string{n.ID}) {
				// Of several keys the first by name, so that the same rows give the same file.
				if known := b.keys[n.Name]; known == "" || test.Column < known {
					b.keys[n.Name] = test.Column
				}
			}
		}
		if err := measure(ctx, b.session, &m, n); err != nil {
			return err
		}
		if err := honest(m, b.plan.Simulated()); err != nil {
			return err
		}
		b.next.Models = append(b.next.Models, m)
	}
	b.Failpoint(FailpointTested)
	return nil
}

// with adds a text to a list that has it not.
func with(list []string, text string) []string {
	if text == "" || slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}

// export writes the marts as objects. One whose rows are those that are published keeps its object.
func (b *build) export(ctx context.Context) error {
	for i := range b.next.Models {
		m := &b.next.Models[i]
		if m.Build != b.id {
			continue // kept
		}
		b.Progress(Step{Doing: "export", Done: i, Total: len(b.next.Models), Name: m.Name})
		file := filepath.Join(b.folder, m.Name+".parquet")
		if err := b.session.Export(ctx, m.Name, m.Rows, order(m.Columns, b.keys[m.Name]), metadata(*m, b.sources(m), b.plan.Simulated()), file); err != nil {
			return fmt.Errorf("write %s: %w", m.Name, err)
		}
		var err error
		if m.Content, err = content(file); err != nil {
			return fmt.Errorf("write %s: %w", m.Name, err)
		}
		if published := b.plan.mart(m.Name); same(*m, published) {
			m.Build, m.Objects = published.Build, published.Objects
			b.reused(m.Name)
			continue
		}
		object, err := upload(ctx, b.Store, lake.MartKey(m.Kind, m.Name, b.id), file)
		if err != nil {
			return fmt.Errorf("write %s into the lake: %w", m.Name, err)
		}
		m.Objects = []events.Object{object}
	}
	b.Failpoint(FailpointExported)
	return nil
}

// sources are where the rows of a mart come from, in words.
func (b *build) sources(m *lake.Mart) []string {
	var out []string
	for _, dataset := range slices.Sorted(maps.Keys(m.Snapshots)) {
		if s := b.plan.Snapshots[dataset].Attribution["source"]; s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (b *build) reused(mart string) {
	for i := range b.record.Models {
		if b.record.Models[i].Name == mart {
			b.record.Models[i].Reused = true
		}
	}
}

// publish writes the record and moves the pointer.
func (b *build) publish(ctx context.Context) error {
	b.record.FinishedAt, b.record.Marts = b.Clock.Now().UTC(), b.next.Models
	info, _, err := b.Store.PutIfAbsent(ctx, lake.MartsRecordKey(b.id), lake.Encode(b.record))
	if err != nil {
		return fmt.Errorf("write the record of the build: %w", err)
	}
	b.Failpoint(FailpointRecorded)
	b.next.PublishedAt, b.next.Record = b.Clock.Now().UTC(), info.Object()
	// Invariant 2: readers see all of it by this one move.
	_, err = b.Store.CompareAndSwap(ctx, lake.MartsPointerKey, lake.Encode(b.next), b.plan.etag)
	if errors.Is(err, lake.ErrChanged) {
		winner, _, readErr := lake.ReadMartsPointer(ctx, b.Store)
		lost := &LostError{Build: b.id}
		if winner != nil {
			lost.Winner, lost.At = winner.Build, winner.PublishedAt
		}
		return errors.Join(lost, readErr)
	}
	if err != nil {
		return fmt.Errorf("move the pointer of the marts: %w", err)
	}
	return nil
}

// failed writes down why nothing was published, and keeps the SQL and the log for a person: of the last such build.
func (b *build) failed(ctx context.Context, err error) error {
	b.next = nil
	r := b.record
	if r.Failure == nil {
		r.Failure = &Failure{Message: err.Error()}
	}
	r.FinishedAt = b.Clock.Now().UTC()
	kept := filepath.Join(b.Folder, "failed")
	problems := []error{err, os.RemoveAll(kept)}
	for _, pattern := range []string{"marts.duckdb*", "spill", "*.parquet", "target/partial_parse.msgpack", "target/graph.gpickle"} {
		large, _ := filepath.Glob(filepath.Join(b.folder, filepath.FromSlash(pattern))) // the patterns are well-formed
		for _, f := range large {
			problems = append(problems, os.RemoveAll(f))
		}
	}
	if renamed := os.Rename(b.folder, kept); renamed != nil {
		problems = append(problems, renamed)
	} else {
		r.Failure.Folder = kept
	}
	if _, _, recordErr := b.Store.PutIfAbsent(ctx, lake.MartsFailureKey(b.id), lake.Encode(r)); recordErr != nil {
		problems = append(problems, fmt.Errorf("write the record of the failed build: %w", recordErr))
	}
	return errors.Join(problems...)
}

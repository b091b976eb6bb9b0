package pipeline_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/source/socrata"
)

const contracts = "../../datasets"

// simulator starts a small simulator.
func simulator(t *testing.T, faults ...portal.Fault) *portal.Portal {
	t.Helper()
	p := portal.New(portal.Options{RegisterRows: 300})
	if err := p.SetFaults(faults...); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func options(t *testing.T, sim *portal.Portal, datasets ...string) pipeline.Options {
	t.Helper()
	return pipeline.Options{
		Settings: pipeline.Settings{
			Dir: t.TempDir(), Simulator: sim, Grace: 100 * time.Millisecond,
			Backoff: messaging.Backoff{First: 10 * time.Millisecond, Max: 20 * time.Millisecond},
		},
		Contracts: contracts, Datasets: datasets, Timeout: 2 * time.Minute, Notice: func(s string) { t.Log(s) },
	}
}

func only(t *testing.T, r pipeline.Result, err error) pipeline.Outcome {
	t.Helper()
	if err != nil || len(r.Datasets) != 1 {
		t.Fatalf("Run = %+v, %v", r, err)
	}
	return r.Datasets[0]
}

func TestPublishesThenFindsUnchanged(t *testing.T) {
	t.Parallel()
	o := options(t, simulator(t), "municipalities")
	r, err := pipeline.Run(context.Background(), o)
	first := only(t, r, err)
	if first.State != ledger.Published || first.RowsFetched != 949 || first.Staged != 949 || !first.Simulated ||
		first.Snapshot != first.Slot || !r.Good() {
		t.Errorf("first run: %+v", first)
	}
	if len(first.Stages) != len(services.All) {
		t.Errorf("stages: %+v", first.Stages)
	}
	if files, err := filepath.Glob(first.Table.Globs[0]); err != nil || len(files) != 1 {
		t.Errorf("the glob %s finds %v, %v", first.Table.Globs[0], files, err)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, "unfinished.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a finished run leaves unfinished.json: %v", err)
	}
	r, err = pipeline.Run(context.Background(), o)
	second := only(t, r, err)
	if second.State != ledger.Unchanged || second.Snapshot != first.Snapshot || !second.Simulated || second.Slot == first.Slot {
		t.Errorf("second run: %+v", second)
	}
	o.Force = true
	r, err = pipeline.Run(context.Background(), o)
	if third := only(t, r, err); third.State != ledger.Published || third.Snapshot <= first.Snapshot {
		t.Errorf("forced run: %+v", third)
	}
}

func TestOneTraceAndTimeline(t *testing.T) {
	t.Parallel()
	o := options(t, simulator(t), "municipalities")
	r, err := pipeline.Run(context.Background(), o)
	d := only(t, r, err)
	l := ledger.Ledger{Lake: filelake.Open(o.Dir, pipeline.DataBucket)}
	timeline, err := l.Timeline(context.Background(), ledger.Request{Dataset: d.Dataset, Slot: d.Slot}, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(timeline.Traces) != 1 || len(timeline.Verdicts) != 1 || !timeline.Verdicts[0].Passed || len(timeline.Evidence) != 1 {
		t.Errorf("traces %v, verdicts %d, evidence %d", timeline.Traces, len(timeline.Verdicts), len(timeline.Evidence))
	}
	if len(timeline.Hops) != 7 { // the six stages, and the scheduler's look for dependants
		t.Errorf("%d hops: %+v", len(timeline.Hops), timeline.Hops)
	}
	if spans, err := os.ReadFile(pipeline.SpanFile(o.Dir)); err != nil || !strings.Contains(string(spans), timeline.Traces[0]) {
		t.Errorf("the trace is not in the span file: %v", err)
	}
}

func TestRunsReferencesFirst(t *testing.T) {
	t.Parallel()
	r, err := pipeline.Run(context.Background(), options(t, simulator(t), "population"))
	if err != nil || !r.Good() || len(r.Datasets) != 2 {
		t.Fatalf("Run = %+v, %v", r, err)
	}
	first, second := r.Datasets[0], r.Datasets[1]
	if first.Dataset != "municipalities" || first.Why != "population refers to it" || second.Why != "requested" {
		t.Errorf("ran %s (%s) and %s (%s)", first.Dataset, first.Why, second.Dataset, second.Why)
	}
	if len(second.Runs) != 2 || second.Pages != 2 || len(second.Table.Globs) != 2 {
		t.Errorf("population in slices: %+v", second)
	}
}

func TestInvalidContractStopsBeforeAnythingIsFetched(t *testing.T) {
	t.Parallel()
	sim := simulator(t)
	o := options(t, sim)
	o.Dir = filepath.Join(o.Dir, "never")
	o.Contracts = t.TempDir()
	for _, name := range []string{"municipalities", "broken"} {
		raw, err := os.ReadFile(filepath.Join(contracts, "municipalities.odcs.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if name == "broken" {
			raw = []byte(strings.ReplaceAll(string(raw), "municipalities", "broken") + "\nllacSurprise: 1\n")
		}
		if err := os.WriteFile(filepath.Join(o.Contracts, name+".odcs.yaml"), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, err := pipeline.Run(context.Background(), o)
	var problems contract.Problems
	if !errors.As(err, &problems) || problems[0].Line == 0 || !strings.Contains(problems[0].File, "broken") {
		t.Errorf("Run = %v, want problems with a file and a line", err)
	}
	if requests := sim.Requests(); len(requests) != 0 {
		t.Errorf("the portal received %d requests", len(requests))
	}
	if _, err := os.Stat(o.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state directory was created: %v", err)
	}
}

func TestUnknownDataset(t *testing.T) {
	t.Parallel()
	o := options(t, simulator(t), "municipalities", "nothing")
	_, err := pipeline.Run(context.Background(), o)
	var unknown *pipeline.UnknownDatasetError
	if !errors.As(err, &unknown) || len(unknown.Names) != 1 || unknown.Names[0] != "nothing" {
		t.Errorf("Run = %v", err)
	}
}

func TestSecondOwnerIsRefused(t *testing.T) {
	t.Parallel()
	o := options(t, simulator(t), "municipalities")
	p, err := pipeline.Start(context.Background(), o.Settings)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, err = pipeline.Run(context.Background(), o)
	var owned *aws.OwnedError
	if !errors.As(err, &owned) || owned.PID != os.Getpid() || owned.Since.IsZero() || owned.Command == "" {
		t.Errorf("Run = %v, want an error that names the owner", err)
	}
	// Look works while another process owns the directory.
	look, err := pipeline.Look(context.Background(), o.Dir)
	if err != nil || look.Owner == nil {
		t.Fatalf("Look = %+v, %v", look, err)
	}
	if letters, err := look.Queues().Letters(context.Background(), ""); err != nil || len(letters) != 0 {
		t.Errorf("Letters = %v, %v", letters, err)
	}
	if err := look.Close(); err != nil {
		t.Error(err)
	}
}

func TestInterruptedRunIsResumed(t *testing.T) {
	t.Parallel()
	sim := simulator(t, portal.Fault{Kind: portal.Slow, Portal: socrata.Name, Pages: true, Delay: time.Hour})
	o := options(t, sim, "municipalities")
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	o.Progress = func(all []pipeline.Progress) {
		for _, p := range all {
			if p.State == ledger.Extracting { // the fetcher is fetching and cannot finish
				interrupt()
			}
		}
	}
	r, err := pipeline.Run(ctx, o)
	if !errors.Is(err, pipeline.ErrInterrupted) || len(r.Datasets) != 1 || r.Datasets[0].State.Ended() {
		t.Fatalf("interrupted Run = %+v, %v", r, err)
	}
	left, err := pipeline.Unfinished(o.Dir)
	if err != nil || len(left) != 1 || left[0].Slot != r.Datasets[0].Slot {
		t.Fatalf("Unfinished = %+v, %v", left, err)
	}
	if err := sim.SetFaults(); err != nil {
		t.Fatal(err)
	}
	o.Progress = nil
	r2, err := pipeline.Run(context.Background(), o)
	resumed := only(t, r2, err)
	if resumed.State != ledger.Published || !resumed.Resumed || resumed.Slot != r.Datasets[0].Slot {
		t.Errorf("resumed run: %+v", resumed)
	}
	if left, err := pipeline.Unfinished(o.Dir); err != nil || len(left) != 0 {
		t.Errorf("Unfinished after it = %+v, %v", left, err)
	}
}

func TestTimeoutKeepsWorkInProgress(t *testing.T) {
	t.Parallel()
	o := options(t, simulator(t, portal.Fault{Kind: portal.Slow, Portal: socrata.Name, Delay: time.Hour}), "municipalities")
	o.Timeout = 500 * time.Millisecond
	if _, err := pipeline.Run(context.Background(), o); !errors.Is(err, pipeline.ErrTimeout) {
		t.Errorf("Run = %v, want ErrTimeout", err)
	}
	if left, err := pipeline.Unfinished(o.Dir); err != nil || len(left) != 1 {
		t.Errorf("Unfinished = %+v, %v", left, err)
	}
}

func TestReceiptsReplaceLostQueues(t *testing.T) {
	t.Parallel()
	sim := simulator(t)
	o := options(t, sim, "municipalities")
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	var once sync.Once
	o.Progress = func(all []pipeline.Progress) {
		if len(all) > 0 && all[0].State == ledger.Checking {
			once.Do(interrupt)
		}
	}
	if _, err := pipeline.Run(ctx, o); !errors.Is(err, pipeline.ErrInterrupted) {
		t.Fatalf("Run = %v", err)
	}
	if err := os.RemoveAll(filepath.Join(o.Dir, "queues")); err != nil {
		t.Fatal(err)
	}
	fetched := len(sim.Requests())
	o.Progress = nil
	r, err := pipeline.Run(context.Background(), o)
	if d := only(t, r, err); d.State != ledger.Published || !d.Resumed {
		t.Errorf("resumed without queues: %+v", d)
	}
	if again := len(sim.Requests()) - fetched; again != 0 {
		t.Errorf("the portal received %d more requests, although the landing was written", again)
	}
}

// refused is a fault for which retrying cannot succeed.
var refused = portal.Fault{Kind: portal.Status, Portal: socrata.Name, Dataset: "9aju-tpwc", Status: 404}

func TestDeadLetterIsReplayed(t *testing.T) {
	t.Parallel()
	sim := simulator(t, refused)
	o := options(t, sim, "municipalities")
	ctx := context.Background()
	r, err := pipeline.Run(ctx, o)
	failed := only(t, r, err)
	if failed.State != ledger.Failed || failed.Reason == "" || r.Good() || len(failed.Failures) != 1 {
		t.Fatalf("run against a portal that refuses requests: %+v", failed)
	}
	look, err := pipeline.Look(ctx, o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // reading removes nothing
		letters, err := look.Queues().Letters(ctx, "")
		if err != nil || len(letters) != 1 || letters[0].Service != "fetcher" || letters[0].Run != failed.Slot ||
			letters[0].Event != "extraction.requested" || letters[0].Envelope == nil || letters[0].FirstReceivedAt.IsZero() {
			t.Fatalf("Letters = %+v, %v", letters, err)
		}
	}
	if err := look.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sim.SetFaults(); err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.Start(ctx, o.Settings)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	if sent, err := p.Cloud.Queues().Replay(ctx, "fetcher", func(pipeline.Letter) bool { return true }); err != nil || len(sent) != 1 {
		t.Fatalf("Replay = %+v, %v", sent, err)
	}
	if err := p.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	s, err := ledger.Ledger{Lake: p.Cloud.Lake()}.Summary(ctx, "municipalities", failed.Slot)
	if err != nil || s.State != ledger.Published || len(s.Failures) != 0 {
		t.Errorf("after the replay: %+v, %v", s, err)
	}
	if letters, err := p.Cloud.Queues().Letters(ctx, ""); err != nil || len(letters) != 0 {
		t.Errorf("letters after the replay: %+v, %v", letters, err)
	}
}

func TestRunEndsIfADatasetIsHeldBack(t *testing.T) {
	t.Parallel()
	r, err := pipeline.Run(context.Background(), options(t, simulator(t, refused), "population"))
	if err != nil || len(r.Datasets) != 2 {
		t.Fatalf("Run = %+v, %v", r, err)
	}
	if p := r.Datasets[1]; p.State != ledger.Held || p.Reason != "held back until municipalities is published" {
		t.Errorf("population: %+v", p)
	}
}

func TestLookCreatesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "none")
	var none *pipeline.NoLakeError
	if _, err := pipeline.Look(context.Background(), dir); !errors.As(err, &none) {
		t.Errorf("Look = %v, want a NoLakeError", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("Look created the directory")
	}
}

func TestPortalFlag(t *testing.T) {
	t.Parallel()
	for spec, ok := range map[string]bool{
		"": true, "simulator": true, "live": true, "socrata=http://127.0.0.1:9000": true,
		"socrata=http://127.0.0.1:9000,idescat=https://example.org": true,
		"real": false, "socrata=http://example.org": false, ",": false,
	} {
		if err := (pipeline.Settings{Portal: spec}).CheckPortal(); (err == nil) != ok {
			t.Errorf("--portal %q: %v", spec, err)
		}
	}
}

// The pointer of a snapshot published from the simulator names the simulator (invariant 11).
func TestSimulatedIsInThePointer(t *testing.T) {
	t.Parallel()
	o := options(t, simulator(t), "municipalities")
	r, err := pipeline.Run(context.Background(), o)
	only(t, r, err)
	pointer, _, err := lake.ReadPointer(context.Background(), filelake.Open(o.Dir, pipeline.DataBucket), "municipalities")
	if err != nil || pointer.SourceSystem != "simulator" {
		t.Errorf("pointer %+v, %v", pointer, err)
	}
}

// TestSlicesApplyToTheNamedDataset requests one slice of a dataset whose reference was never published. The reference is run
// whole.
func TestSlicesApplyToTheNamedDataset(t *testing.T) {
	t.Parallel()
	o := options(t, simulator(t), "population")
	o.Slices = []string{"2023"}
	r, err := pipeline.Run(t.Context(), o)
	if err != nil || len(r.Datasets) != 2 {
		t.Fatalf("Run = %+v, %v", r, err)
	}
	for _, d := range r.Datasets {
		switch d.Dataset {
		case "municipalities":
			if d.State != ledger.Published || d.Trigger != "manual" {
				t.Errorf("the referenced dataset: %+v", d)
			}
		case "population":
			if len(d.Runs) != 1 || !strings.HasSuffix(d.Runs[0], "y2023") || d.Trigger != "backfill" {
				t.Errorf("the requested dataset: %+v", d)
			}
		}
	}
}

package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
	"github.com/llac-project/llac/platform/runtime"
)

const trace = "6b0414df678354feb19d0dc2f06f69a9"

// book writes what the stages of runs of "places" leave in a lake.
type book struct {
	t        *testing.T
	lake     *laketest.Memory
	contract *contract.Contract
	run      events.Run
	at       time.Time
	last     events.Event
}

func (b *book) put(key string, v any) events.Object {
	b.t.Helper()
	body := lake.Encode(v)
	info, err := b.lake.Put(context.Background(), key, body)
	if err != nil {
		b.t.Fatal(err)
	}
	info.SHA256, info.VersionID = lake.SHA256(body), ""
	return info.Object()
}

// begin starts a run at its slot with the scheduler's hop.
func (b *book) begin(slot string) {
	at, err := time.Parse(lake.SlotLayout, slot)
	if err != nil {
		b.t.Fatal(err)
	}
	b.at = at
	b.run = events.Run{Dataset: "places", RunID: slot, Slot: slot, ContractSHA256: b.contract.SHA256, Trigger: "manual"}
	b.last = events.New(events.RunRequested{Dataset: "places", RequestedAt: at, Trigger: "manual"})
	b.last.ID = "places/" + slot + "/operator"
	b.hop("scheduler", 10*time.Millisecond, events.ExtractionRequested{Run: b.run})
}

// hop writes a stage's receipt, five milliseconds after the hop before.
func (b *book) hop(stage string, took time.Duration, published ...events.Payload) {
	started := b.at.Add(5 * time.Millisecond)
	b.at = started.Add(took)
	r := lake.Receipt{
		Service: stage, Build: "test", EventID: b.last.ID, EventType: b.last.Type, StartedAt: started, FinishedAt: b.at,
		TraceID: trace, SpanID: "00f067aa0ba902b7",
	}
	for _, p := range published {
		b.last = events.New(p)
		b.last.ID, b.last.Source, b.last.Time = "places/"+b.run.RunID+"/"+stage+"/1", "/llac/"+stage, b.at
		r.Events = append(r.Events, b.last)
	}
	b.put(lake.ReceiptKey("places", b.run.RunID, stage, 0), r)
}

// stage runs the stages up to the candidate.
func (b *book) stage(staged int64, byReason map[string]int64) events.StagingWritten {
	b.hop("fetcher", 120*time.Millisecond, events.LandingWritten{
		Run: b.run, Attempt: "aaaaaaaa", Pages: 2, Rows: staged + 3, Bytes: 12_345, SourceRows: staged + 3, SourceSystem: "simulator"})
	b.hop("validator", 4*time.Millisecond, events.LandingValidated{Run: b.run, Attempt: "aaaaaaaa", Pages: 2, Rows: staged + 3,
		Bytes: 12_345,
		Drift: []events.Problem{{Code: "field_added", Field: "nou", Message: "the source has a field that the contract does not have"}}})
	objects := []lake.CandidateObject{}
	for _, district := range []string{"01", "02"} {
		partition := []lake.PartitionValue{{Column: "district_id", Value: district}}
		objects = append(objects, lake.CandidateObject{
			Object:    events.Object{Key: lake.StagingKey("places", b.run.RunID, "bbbbbbbb", partition), Size: 2000, SHA256: "0"},
			Partition: partition, Rows: staged / 2})
	}
	candidate := lake.Candidate{Run: b.run, Attempt: "bbbbbbbb", SourceSystem: "simulator", Objects: objects, Staged: staged, Bytes: 4000,
		Quarantine: &events.Object{Key: lake.QuarantineKey("places", b.run.RunID, "bbbbbbbb"), Size: 100, SHA256: "1"}}
	out := events.StagingWritten{
		Run: b.run, Attempt: "bbbbbbbb", Candidate: b.put(lake.CandidateKey("places", b.run.RunID, "bbbbbbbb"), candidate),
		RowsIn: staged + 3, Staged: staged, Duplicates: 1, Quarantined: 2, ByReason: byReason, Bytes: 4000,
	}
	b.hop("stager", 80*time.Millisecond, out)
	return out
}

func (b *book) verdict(rows float64, passed bool) events.Object {
	least := 2.0
	v := lake.Verdict{Dataset: "places", RunID: b.run.RunID, Attempt: "bbbbbbbb", Passed: passed, DecidedAt: b.at, Rules: []lake.RuleResult{
		{Name: "every_row_accounted_for", Metric: "rows", Observed: new(float64), Passed: true, Severity: "error"},
		{Name: "enough_places", Metric: "row_count", Observed: &rows, Minimum: &least, Passed: passed, Severity: "error", Side: "source"},
	}}
	if !passed {
		v.ComparedWith = "20250801T051500"
		v.Rules[1].Samples = []lake.Sample{{Key: map[string]string{"place_id": "P1"}, Value: "1"}}
	}
	return b.put(lake.VerdictKey("places", b.run.RunID, "bbbbbbbb"), v)
}

// published is a run that went well.
func (b *book) published(slot string) {
	b.begin(slot)
	staged := b.stage(6000, map[string]int64{"bad_date": 1, "key_conflict": 1})
	part := events.PublishedPart{RunID: slot, Candidate: staged.Candidate, Verdict: b.verdict(6000, true)}
	b.hop("quality-gate", 30*time.Millisecond,
		events.StagingPublished{Run: b.run, Snapshot: slot, Parts: []events.PublishedPart{part}, Rows: 6000, Bytes: 4000})
	candidate, err := lake.ReadDocument[lake.Candidate](context.Background(), b.lake, staged.Candidate)
	if err != nil {
		b.t.Fatal(err)
	}
	b.put(lake.PointerKey("places"), lake.Pointer{
		Dataset: "places", Snapshot: slot, PublishedAt: b.at, RunID: slot, ContractSHA256: b.contract.SHA256, SourceSystem: "simulator",
		Parts: []lake.PointerPart{{PublishedPart: part, Rows: 6000, Bytes: 4000, Objects: candidate.Objects}}, Rows: 6000, Bytes: 4000,
	})
	evidence := b.put(lake.EvidenceKey("places", slot),
		lake.Evidence{Dataset: "places", RunID: slot, RawPolicy: "archive", Deletes: []lake.EvidenceEntry{
			{Object: events.Object{Key: "landing/a"}, Archive: &events.Object{Key: "archive/a"}},
			{Object: events.Object{Key: "landing/b"}, Archive: &events.Object{Key: "archive/b"}},
		}, DecidedAt: b.at})
	b.hop("landing-janitor", 50*time.Millisecond,
		events.LandingDeleted{Run: b.run, Snapshot: slot, Evidence: []events.Object{evidence}, Objects: 2, Bytes: 12_500, Archived: true})
}

// rejected is a run whose candidate the gate refused.
func (b *book) rejected(slot string) {
	b.begin(slot)
	staged := b.stage(1, map[string]int64{"bad_date": 2})
	b.hop("quality-gate", 20*time.Millisecond, events.StagingRejected{Run: b.run, Candidate: staged.Candidate, Verdict: b.verdict(1, false),
		Problems: []events.Problem{{Code: "enough_places", Message: "row_count is 1, allowed from 2"}}})
}

// failed writes a run that the fetcher gave up. It returns the event in the dead-letter queue.
func (b *book) failed(slot string) events.Event {
	b.begin(slot)
	in := b.last
	f := events.Failure{Service: "fetcher", EventID: in.ID, Class: "permanent", Tries: 1,
		Reason: "describe socrata abcd-1234: the portal responded with status 404"}
	out := events.New(events.ExtractionFailed{Run: b.run, Failure: f})
	out.ID, out.Time = "places/"+slot+"/fetcher.failed/1", b.at
	b.put(lake.FailureKey("places", slot, "fetcher", "m-1"), lake.FailureRecord{
		Service: "fetcher", Build: "test", Event: in, Failure: f, FailedAt: b.at.Add(15 * time.Millisecond), TraceID: trace,
		Events: []events.Event{out}})
	return in
}

// prepared creates a state directory with a published, a rejected and a failed run of the dataset "places".
func prepared(t *testing.T) (dir string, dead events.Event) {
	t.Helper()
	contracts, err := contract.LoadDir("testdata/datasets")
	if err != nil {
		t.Fatal(err)
	}
	b := &book{t: t, lake: laketest.NewMemory(), contract: contracts[0]}
	b.published("20250801T051500")
	b.rejected("20250802T051500")
	dead = b.failed("20250803T051500")
	b.put(lake.MartsPointerKey, lake.MartsPointer{
		Build: "20250801T060000", PublishedAt: time.Date(2025, 8, 1, 6, 0, 20, 0, time.UTC),
		Snapshots: map[string]string{"places": "20250731T051500"}, Models: []lake.Mart{
			{Name: "agg_places_yearly", Kind: "aggregate", Grain: "One row per place and year.", Build: "20250801T060000",
				Rows: 12_000, Tests: 4,
				SourceSystem: "simulator",
				DataOrigins:  map[string]int64{"recorded": 11_000, "invented": 1000}},
			{Name: "dim_places", Kind: "dimension", Grain: "One row per place.", Build: "20250731T060000", Rows: 6000, Tests: 9,
				SourceSystem: "example.cat", DataOrigins: map[string]int64{"published": 6000}},
			{Name: "dim_time", Kind: "dimension", Grain: "One row per day.", Build: "20250731T060000", Rows: 366, Tests: 3,
				DataOrigins: map[string]int64{"generated": 366}},
		},
	})
	config := laketest.NewMemory()
	if err := runtime.DeployContracts(context.Background(), config, contracts); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for bucket, store := range map[string]*laketest.Memory{"data": b.lake, "config": config} {
		for key, body := range store.Snapshot() {
			file := filepath.Join(dir, "lake", bucket, filepath.FromSlash(key))
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, body, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir, dead
}

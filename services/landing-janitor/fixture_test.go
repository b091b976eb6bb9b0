package janitor

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

const (
	slot1 = "20250801T063000"
	slot2 = "20250802T063000"
)

// fixture is a test bench with the contract of one dataset.
type fixture struct {
	*runtimetest.Harness
	t *testing.T
	c *contract.Contract
}

func newFixture(t *testing.T, custom string) *fixture {
	c := runtimetest.Parse(t, "things", runtimetest.Shape{Custom: custom}.Text())
	return &fixture{runtimetest.New(t, c), t, c}
}

// pages are the pages of a landing: one that does not compress, one long page and one page without rows.
var pages = []string{"[{\"codi\":\"1\",\"nom\":\"L'Hospitalet\"}]\r\n", "[" + strings.Repeat(`{"codi":"2"},`, 5000) + `{"codi":"3"}]`, "[]"}

// land writes the landing, the candidate and the passing verdict of a run, with the receipts that name them.
func (b *fixture) land(slot, slice string) lake.PointerPart {
	b.t.Helper()
	run := events.Run{Dataset: "things", RunID: lake.NewRunID(slot, "y", slice).String(), Slot: slot, Slice: slice,
		ContractSHA256: b.c.SHA256}
	m := lake.Manifest{Run: run, Attempt: "a1"}
	for i, body := range pages {
		o := b.Put(b.t, lake.LandingPageKey("things", run.RunID, i, lake.SHA256([]byte(body))), []byte(body))
		m.Pages = append(m.Pages, lake.ManifestPage{Object: o, Index: i})
	}
	m.Parts = []events.Object{b.Put(b.t, lake.ManifestKey("things", run.RunID, "a1", 1), []byte("{}\n"))}
	manifest := b.Put(b.t, lake.ManifestKey("things", run.RunID, "a1", 0), m)
	file := lake.CandidateObject{Object: b.Put(b.t, lake.StagingKey("things", run.RunID, "s1", nil), []byte("parquet of "+run.RunID))}
	c := b.Put(b.t, lake.CandidateKey("things", run.RunID, "s1"), lake.Candidate{
		Run: run, Attempt: "s1", Manifest: manifest, Objects: []lake.CandidateObject{file},
	})
	v := b.Put(b.t, "quality/things/"+run.RunID+".json", lake.Verdict{Candidate: c, Passed: true})
	b.receipt(run, "fetcher", events.LandingWritten{Run: run, Attempt: "a1", Manifest: manifest})
	b.receipt(run, "stager", events.StagingWritten{Run: run, Attempt: "s1", Candidate: c})
	return lake.PointerPart{
		PublishedPart: events.PublishedPart{RunID: run.RunID, Slice: slice, Manifest: manifest, Candidate: c, Verdict: v},
		Objects:       []lake.CandidateObject{file},
	}
}

func (b *fixture) receipt(run events.Run, stage string, p events.Payload) {
	b.t.Helper()
	b.Put(b.t, lake.ReceiptKey("things", run.RunID, stage, 0), lake.Receipt{Service: stage,
		Events: []events.Event{runtimetest.Event(stage, p)}})
}

// publish moves the pointer to the parts and returns the event of that publication.
func (b *fixture) publish(slot string, parts ...lake.PointerPart) events.StagingPublished {
	b.t.Helper()
	b.Put(b.t, lake.PointerKey("things"), lake.Pointer{
		Dataset: "things", Snapshot: slot, RunID: slot, ContractSHA256: b.c.SHA256, Parts: parts, PublishedAt: b.Clock.Now(),
	})
	e := events.StagingPublished{Run: events.Run{Dataset: "things", RunID: slot, Slot: slot, ContractSHA256: b.c.SHA256}, Snapshot: slot}
	for _, p := range parts {
		e.Parts = append(e.Parts, p.PublishedPart)
	}
	return e
}

// supersede copies the published pointer to the history.
func (b *fixture) supersede() {
	b.t.Helper()
	p, _, err := lake.ReadPointer(b.t.Context(), b.Lake, "things")
	if err != nil {
		b.t.Fatal(err)
	}
	p.SupersededAt = b.Clock.Now()
	b.Put(b.t, lake.HistoryKey("things", p.Snapshot), p)
}

func (b *fixture) deliver(p events.Payload) ([]events.Event, error) {
	_, run := p.About()
	return b.Deliver(b.t.Context(), Service, runtimetest.Event("things/"+run+"/"+p.EventType(), p))
}

func (b *fixture) clear(p events.StagingPublished) events.LandingDeleted {
	b.t.Helper()
	out, err := b.deliver(p)
	return runtimetest.Only[events.LandingDeleted](b.t, out, err)
}

// under lists the keys with a prefix.
func (b *fixture) under(prefix string) []string {
	return slices.DeleteFunc(b.Lake.Keys(), func(k string) bool { return !strings.HasPrefix(k, prefix) })
}

func (b *fixture) evidence(o events.Object) lake.Evidence {
	b.t.Helper()
	e, err := lake.ReadDocument[lake.Evidence](b.t.Context(), b.Lake, o)
	if err != nil {
		b.t.Fatal(err)
	}
	return e
}

// operations records every operation on the lake as "op key".
func (b *fixture) operations() *[]string {
	var all []string
	b.Lake.Before = func(op, key string) error {
		all = append(all, fmt.Sprint(op, " ", key))
		return nil
	}
	return &all
}

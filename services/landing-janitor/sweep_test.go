package janitor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

const day = 24 * time.Hour

// sweep moves the clock and delivers the tick of that time.
func (b *fixture) sweep(after time.Duration) error {
	b.t.Helper()
	at := runtimetest.Start.Add(after)
	b.Clock.Set(at)
	out, err := b.Deliver(b.t.Context(), Service, runtimetest.Event("sweep-"+lake.Slot(at), events.SweepTicked{ScheduledAt: at}))
	if len(out) != 0 {
		b.t.Errorf("the sweep emitted %v", runtimetest.Names(out))
	}
	return err
}

func (b *fixture) swept(after time.Duration) {
	b.t.Helper()
	if err := b.sweep(after); err != nil {
		b.t.Fatal(err)
	}
}

// sweepEvidence returns the evidence of all sweeps with this reason.
func (b *fixture) sweepEvidence(reason string) []lake.Evidence {
	b.t.Helper()
	var out []lake.Evidence
	for _, key := range b.under("evidence/things/sweep-" + reason) {
		_, info, err := b.Lake.Get(b.t.Context(), key)
		if err != nil {
			b.t.Fatal(err)
		}
		out = append(out, b.evidence(info.Object()))
	}
	return out
}

func TestOrphans(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
	b.publish(slot1, b.land(slot1, ""))
	b.land(slot2, "") // not published, for example rejected: its receipts name it
	kept := b.Lake.Keys()
	run := "20250701T063000"
	orphans := []string{
		lake.LandingPageKey("things", slot1, 7, strings.Repeat("a", 64)), // of an attempt that another one replaced
		lake.LandingPageKey("things", run, 0, strings.Repeat("b", 64)),   // of a run that wrote no manifest
		lake.StagingKey("things", slot1, "s0", nil),                      // of an attempt that died
		lake.StagingKey("things", run, "s0", []lake.PartitionValue{{Column: "d", Value: "01"}}),
	}
	bodies := map[string]string{}
	for _, key := range orphans {
		bodies[key] = "orphan " + key
		b.Put(t, key, []byte(bodies[key]))
	}
	stranger := b.Put(t, "landing/things/readme.txt", []byte("a key of another form"))
	other := b.Put(t, "landing/thingsandmore/ingested_process_at=1/0.json", []byte("another dataset's"))

	b.swept(15 * day)
	if left := b.Lake.Keys(); !slices.Contains(left, orphans[0]) {
		t.Error("an object of exactly 15 days was deleted: a message may still name it")
	}
	b.Put(t, lake.LandingPageKey("things", run, 1, strings.Repeat("c", 64)), []byte("a young one"))
	b.swept(15*day + time.Second)
	left := b.Lake.Keys()
	for _, key := range orphans {
		if slices.Contains(left, key) {
			t.Errorf("%s is still there", key)
		}
	}
	for _, key := range append(kept, stranger.Key, other.Key, lake.LandingPageKey("things", run, 1, strings.Repeat("c", 64))) {
		if !slices.Contains(left, key) {
			t.Errorf("%s is gone", key)
		}
	}
	evidence := b.sweepEvidence("orphans")
	if len(evidence) != 1 || len(evidence[0].Deletes) != len(orphans) {
		t.Fatalf("evidence %+v", evidence)
	}
	for _, d := range evidence[0].Deletes {
		if d.SHA256 != lake.SHA256([]byte(bodies[d.Key])) || d.Size != int64(len(bodies[d.Key])) {
			t.Errorf("entry %+v", d)
		}
	}
}

// TestAContinuedLandingIsNotAnOrphan checks that the receipt of the last part names all parts of a landing.
func TestAContinuedLandingIsNotAnOrphan(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
	part := b.land(slot1, "")
	receipt, err := lake.ReadDocument[lake.Manifest](t.Context(), b.Lake, part.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	b.Put(t, lake.ReceiptKey("things", slot1, "fetcher", 0), lake.Receipt{Events: []events.Event{runtimetest.Event("1",
		events.ExtractionContinued{Run: receipt.Run, Part: 1})}})
	b.Put(t, lake.ReceiptKey("things", slot1, "fetcher", 1), lake.Receipt{Events: []events.Event{runtimetest.Event("2",
		events.LandingWritten{Run: receipt.Run, Manifest: part.Manifest})}})
	b.swept(40 * day)
	if left := b.under("landing/"); len(left) != 5 {
		t.Errorf("landing holds %v", left)
	}
}

func TestASupersededSnapshot(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
	old := b.land(slot1, "")
	b.publish(slot1, old)
	b.Clock.Set(runtimetest.Start.Add(10 * day))
	b.supersede()
	b.publish(slot2, b.land(slot2, ""))

	b.swept(100*day - time.Second)
	if !slices.Contains(b.Lake.Keys(), old.Objects[0].Key) {
		t.Fatal("deleted less than 90 days after it was superseded")
	}
	all := b.operations()
	b.swept(100 * day)
	b.Lake.Before = nil
	left := b.under("staging/")
	if len(left) != 2 || !strings.Contains(left[0], slot2) {
		t.Errorf("staging holds %v", left)
	}
	evidence := b.sweepEvidence("superseded")
	if len(evidence) != 1 || len(evidence[0].Deletes) != 2 || evidence[0].Deletes[0].Object != old.Objects[0].Object ||
		evidence[0].Deletes[1].Object != old.Candidate {
		t.Errorf("evidence %+v", evidence)
	}
	proof := slices.IndexFunc(*all, func(s string) bool { return strings.HasPrefix(s, "put evidence/") })
	if gone := slices.IndexFunc(*all, func(s string) bool { return strings.HasPrefix(s, "delete ") }); proof < 0 || gone < proof {
		t.Errorf("evidence at %d, first delete at %d", proof, gone)
	}
	_, info, err := b.Lake.Get(t.Context(), lake.HistoryKey("things", slot1))
	if err != nil {
		t.Fatal(err)
	}
	if h, err := lake.ReadDocument[lake.Pointer](t.Context(), b.Lake, info.Object()); err != nil ||
		!h.SweptAt.Equal(runtimetest.Start.Add(100*day)) {
		t.Errorf("swept at %v in the history (%v)", h.SweptAt, err)
	}
	again := b.operations()
	b.swept(101 * day)
	if slices.ContainsFunc(*again, func(s string) bool { return strings.HasPrefix(s, "delete ") }) ||
		len(b.sweepEvidence("superseded")) != 1 {
		t.Errorf("swept twice: %q", *again)
	}
}

// TestSnapshotsThatTheSweepKeeps checks that the published snapshot and the parts that it reuses are kept, whatever their age.
func TestSnapshotsThatTheSweepKeeps(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
	one, two := b.land(slot1, "2023"), b.land(slot1, "2024")
	b.publish(slot1, one, two)
	b.supersede()
	carried := one
	carried.CarriedOn = true
	b.publish(slot2, carried, b.land(slot2, "2024"))
	b.supersede() // a gate that died before it moved the pointer
	b.swept(400 * day)
	left := b.under("staging/")
	for _, key := range []string{one.Objects[0].Key, one.Candidate.Key} {
		if !slices.Contains(left, key) {
			t.Errorf("%s was deleted, although the published snapshot reuses it", key)
		}
	}
	if slices.Contains(left, two.Objects[0].Key) || len(left) != 4 {
		t.Errorf("staging holds %v", left)
	}
	_, info, err := b.Lake.Get(t.Context(), lake.HistoryKey("things", slot2))
	if err != nil {
		t.Fatal(err)
	}
	if h, err := lake.ReadDocument[lake.Pointer](t.Context(), b.Lake, info.Object()); err != nil || !h.SweptAt.IsZero() {
		t.Errorf("the published snapshot is marked as swept at %v (%v)", h.SweptAt, err)
	}
}

func TestACrashWhileSweeping(t *testing.T) {
	t.Parallel()
	died := errors.New("killed")
	for step := 1; ; step++ {
		b := newFixture(t, "")
		b.publish(slot1, b.land(slot1, ""))
		b.supersede()
		b.publish(slot2, b.land(slot2, ""))
		b.Put(t, lake.StagingKey("things", slot2, "s0", nil), []byte("orphan"))
		n, deleted := 0, []string{}
		b.Lake.Before = func(op, key string) error {
			if n++; n == step {
				return died
			}
			if op == "delete" {
				deleted = append(deleted, key)
			}
			return nil
		}
		err := b.sweep(100 * day)
		b.Lake.Before = nil
		if err == nil {
			return
		}
		if !errors.Is(err, died) {
			t.Fatalf("step %d: %v", step, err)
		}
		proven := map[string]bool{}
		for _, e := range slices.Concat(b.sweepEvidence("superseded"), b.sweepEvidence("orphans")) {
			for _, d := range e.Deletes {
				proven[d.Key] = true
			}
		}
		for _, key := range deleted {
			if !proven[key] {
				t.Errorf("step %d: %s was deleted without evidence", step, key)
			}
		}
		b.swept(100 * day)
		if left := b.under("staging/"); len(left) != 2 || !strings.Contains(left[0], slot2+"-s1") {
			t.Errorf("step %d: staging holds %v", step, left)
		}
	}
}

// Invariant 5: a dataset that cannot be swept does not stop the others.
func TestOneBrokenDataset(t *testing.T) {
	t.Parallel()
	broken := runtimetest.Parse(t, "broken", runtimetest.Shape{Dataset: "broken"}.Text())
	sound := runtimetest.Parse(t, "things", runtimetest.Shape{}.Text())
	for name, spoil := range map[string]func(b *fixture){
		"its pointer":  func(b *fixture) { b.Put(t, lake.PointerKey("broken"), []byte("{")) },
		"its contract": func(b *fixture) { b.Config.Corrupt(lake.ContractKey(broken.SHA256), []byte("{}")) },
	} {
		b := &fixture{runtimetest.New(t, broken, sound), t, sound}
		orphan := b.Put(t, lake.StagingKey("things", slot1, "s0", nil), []byte("orphan"))
		spoil(b)
		if err := b.sweep(20 * day); err == nil || !strings.Contains(err.Error(), "broken") {
			t.Errorf("%s: error %v", name, err)
		}
		if slices.Contains(b.Lake.Keys(), orphan.Key) {
			t.Errorf("%s: the other dataset was not swept", name)
		}
	}
}

// TestSweepBeforeAnyContract checks that a sweep succeeds in an environment without contracts.
func TestSweepBeforeAnyContract(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
	b.Ports.Contracts = &runtime.ConfigContracts{Store: laketest.NewMemory()}
	b.swept(day)
}

package janitor

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

// TestALandingThatWaitsForItsContinuation checks that a continuation that is replayed late, from the dead-letter queue or from
// the lake, finds the pages of its chain. Pages of an earlier attempt of the chain are orphans.
func TestALandingThatWaitsForItsContinuation(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
	run := events.Run{Dataset: "things", RunID: slot1, Slot: slot1, ContractSHA256: b.c.SHA256}
	page := func(i int, digit string) lake.ManifestPage {
		key := lake.LandingPageKey("things", slot1, i, strings.Repeat(digit, 64))
		return lake.ManifestPage{Object: b.Put(t, key, []byte("page "+digit)), Index: i}
	}
	abandoned := page(0, "1")
	first := b.Put(t, lake.ManifestKey("things", slot1, "a1", 1), lake.Manifest{
		Run: run, Attempt: "a1", Pages: []lake.ManifestPage{abandoned},
	})
	kept := []lake.ManifestPage{page(0, "2"), page(1, "3")}
	second := b.Put(t, lake.ManifestKey("things", slot1, "a2", 2), lake.Manifest{Run: run, Attempt: "a2", Pages: kept})
	for part, partial := range []events.Object{first, second} {
		b.Put(t, lake.ReceiptKey("things", slot1, "fetcher", part), lake.Receipt{Events: []events.Event{
			runtimetest.Event("1", events.ExtractionContinued{Run: run, Part: part + 1, Partial: partial})}})
	}
	b.swept(40 * day)
	want := []string{kept[0].Key, kept[1].Key, second.Key}
	left := b.under("landing/")
	slices.Sort(left)
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("landing holds %v\nwant %v", left, want)
	}
}

// TestASnapshotCopiedLongBeforeItWasSuperseded checks that the days of a snapshot count from the move of the pointer. A gate may
// die after it copied the pointer to the history, months before another run moves the pointer.
func TestASnapshotCopiedLongBeforeItWasSuperseded(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
	b.publish(slot1, b.land(slot1, ""))
	b.supersede() // the copy
	b.Clock.Set(runtimetest.Start.Add(100 * day))
	part := b.land(slot2, "")
	b.Put(t, lake.PointerKey("things"), lake.Pointer{
		Dataset: "things", Snapshot: slot2, RunID: slot2, ContractSHA256: b.c.SHA256,
		Parts: []lake.PointerPart{part}, PublishedAt: b.Clock.Now(), Previous: slot1,
	})
	file := lake.StagingKey("things", slot1, "s1", nil)
	b.swept(189 * day)
	if _, _, err := b.Lake.Get(t.Context(), file); err != nil {
		t.Errorf("deleted 89 days after it was superseded: %v", err)
	}
	b.swept(191 * day)
	if _, _, err := b.Lake.Get(t.Context(), file); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("not deleted 91 days after it was superseded (%v)", err)
	}
}

// TestATickWithoutATime checks that a tick without a time fails permanently. All such ticks would share one receipt, and no
// object would be old enough.
func TestATickWithoutATime(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
	if _, err := b.deliver(events.SweepTicked{}); !runtime.IsPermanent(err) {
		t.Errorf("error %v", err)
	}
	if keys := b.under("runs/_sweeps/"); len(keys) != 0 {
		t.Errorf("receipts %v", keys)
	}
}

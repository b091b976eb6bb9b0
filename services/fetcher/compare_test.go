package fetcher

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

// cleared publishes a snapshot whose pages were those of the portal, and writes the evidence of their deletion from landing.
func (b *testFetcher) cleared(run string, change func(*lake.Pointer)) {
	b.t.Helper()
	evidence := lake.Evidence{Dataset: "things", RunID: run}
	for i, body := range b.portal.pages {
		sha := lake.SHA256([]byte(body))
		evidence.Deletes = append(evidence.Deletes, lake.EvidenceEntry{Object: events.Object{
			Key: lake.LandingPageKey("things", run, i, sha), SHA256: sha}})
	}
	for part := range 2 {
		evidence.Deletes = append(evidence.Deletes, lake.EvidenceEntry{Object: events.Object{
			Key: lake.ManifestKey("things", run, "a1", part), SHA256: "of a manifest"}})
	}
	b.Put(b.t, lake.EvidenceKey("things", run), evidence)
	b.published(func(p *lake.Pointer) {
		p.Parts[0].RunID = run
		if change != nil {
			change(p)
		}
	})
}

// wantUnchanged checks that the run ends without a landing, and returns its event.
func (b *testFetcher) wantUnchanged(out []events.Event, err error) events.ExtractionUnchanged {
	b.t.Helper()
	p := runtimetest.Only[events.ExtractionUnchanged](b.t, out, err)
	if keys := b.pages(); len(keys) > 0 {
		b.t.Errorf("an unchanged source was landed: %v", keys)
	}
	return p
}

// Equal weak validators prove nothing. The pages do: either the run ends, or the source is extracted.
func TestWeakValidatorsAreConfirmedByThePages(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	b.portal.weak = true
	b.cleared("20250802T063000", nil)
	out, err := b.deliver(events.ExtractionRequested{Run: b.run()})
	p := b.wantUnchanged(out, err)
	if !p.ReadInFull || p.Snapshot != "20250802T063000" || !p.Validators.Weak || len(b.portal.fetched) != 4 {
		t.Errorf("%+v, fetched %v", p, b.portal.fetched)
	}
	cursor, err := lake.ReadCursor(t.Context(), b.Lake, "things")
	if err != nil || !cursor.LastSuccess.Equal(runtimetest.Start) || !cursor.ReadAt[""].Equal(runtimetest.Start) {
		t.Errorf("cursor %+v, error %v", cursor, err)
	}

	// A correction on the day of the table's own date has the same date.
	b = newFetcher(t)
	b.portal.weak = true
	b.cleared("20250802T063000", nil)
	b.portal.pages[2] = `[{"codi":"9"}]`
	out, err = b.deliver(events.ExtractionRequested{Run: b.run()})
	b.landed(b.manifest(runtimetest.Only[events.LandingWritten](t, out, err).Manifest))
	if !strings.Contains(b.Log.String(), "validators did not change, but its pages did") {
		t.Error("the difference is not logged")
	}
}

// A source is read in full at the latest when llacRecheck days have passed, however strong its validators are.
func TestEverySourceIsReadInFullAgain(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	b.cleared("20250801T233000", nil)
	read := []int{}
	for day := range 20 {
		at := time.Date(2025, 8, 2+day, 6, 30, 0, 0, time.UTC)
		b.Clock.Set(at)
		run := b.run()
		run.RunID, run.Slot = lake.Slot(at), lake.Slot(at)
		fetched := len(b.portal.fetched)
		out, err := b.Deliver(t.Context(), Service, runtimetest.Event(fmt.Sprint(day), events.ExtractionRequested{Run: run}))
		if p := b.wantUnchanged(out, err); p.ReadInFull {
			read = append(read, at.Day())
		}
		if n := len(b.portal.fetched) - fetched; n != 0 && n != 4 {
			t.Errorf("day %d: %d pages fetched", at.Day(), n)
		}
	}
	if want := []int{8, 15}; !slices.Equal(read, want) {
		t.Errorf("read in full on the days %v of August, want %v: seven days after the publication and after the last time", read, want)
	}

	// The portal's entity tag did not move with its data.
	b.portal.pages[0] = `[{"codi":"9"}]`
	b.Clock.Set(time.Date(2025, 8, 22, 6, 30, 0, 0, time.UTC))
	run := b.run()
	run.RunID, run.Slot = "20250822T063000", "20250822T063000"
	out, err := b.deliver(events.ExtractionRequested{Run: run})
	b.landed(b.manifest(runtimetest.Only[events.LandingWritten](t, out, err).Manifest))
}

func TestPagesThatCannotBeCompared(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(b *testFetcher){
		"no document lists them": func(b *testFetcher) { b.published(nil) },
		"more pages now": func(b *testFetcher) {
			b.cleared("20250802T063000", nil)
			b.portal.pages = append(b.portal.pages, `[{"codi":"5"}]`)
		},
		"the source is republished meanwhile": func(b *testFetcher) {
			b.cleared("20250802T063000", nil)
			b.portal.page = func(index int) error {
				if index == 1 {
					b.portal.version = "v2"
				}
				return nil
			}
		},
		"the source is republished at the end": func(b *testFetcher) {
			b.cleared("20250802T063000", nil)
			b.portal.verify = func() error {
				b.portal.version = "v2"
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newFetcher(t)
			b.portal.weak = true
			set(b)
			out, err := b.deliver(events.ExtractionRequested{Run: b.run()})
			b.landed(b.manifest(runtimetest.Only[events.LandingWritten](t, out, err).Manifest))
		})
	}
}

// A snapshot that was published a moment ago still has its pages in landing.
func TestPagesAreComparedBeforeLandingIsCleared(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	b.portal.weak = true
	out, err := b.deliver(events.ExtractionRequested{Run: b.run()})
	first := runtimetest.Only[events.LandingWritten](t, out, err)
	b.published(func(p *lake.Pointer) { p.Snapshot, p.Parts[0].RunID, p.Parts[0].Manifest = slot, slot, first.Manifest })
	run := b.run()
	run.RunID, run.Slot = "20250804T063000", "20250804T063000"
	out, err = b.Deliver(t.Context(), Service, runtimetest.Event("2", events.ExtractionRequested{Run: run}))
	if p := runtimetest.Only[events.ExtractionUnchanged](t, out, err); !p.ReadInFull {
		t.Errorf("%+v", p)
	}
}

// A comparison that takes longer than one delivery is handed over, and continues where it ended.
func TestAComparisonIsHandedOver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile func(b *testFetcher)
		landed    bool
		fetched   []int
	}{
		"nothing changes": {func(*testFetcher) {}, false, []int{0, 1, 2, 3}},
		"another snapshot was published": {func(b *testFetcher) {
			b.cleared("20250802T070000", func(p *lake.Pointer) { p.Snapshot = "20250802T070000" })
		}, true, []int{0, 0, 1, 2, 3}},
		"a page changes": {func(b *testFetcher) { b.portal.pages[2] = `[{"codi":"9"}]` }, true, []int{0, 1, 2, 0, 1, 2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newFetcher(t)
			b.portal.weak = true
			b.cleared("20250802T063000", nil)
			b.portal.page = func(int) error { return b.Clock.Sleep(t.Context(), time.Minute) }
			in := runtimetest.Event("1", events.ExtractionRequested{Run: b.run()})
			for part := 1; ; part++ {
				ctx := deadline{t.Context(), b.Clock.Now().Add(time.Minute)}
				out, err := b.Deliver(ctx, Service, in)
				if err != nil || len(out) != 1 || part > 9 {
					t.Fatal(part, out, err)
				}
				again, err := b.Deliver(ctx, Service, in)
				if err != nil || runtimetest.Bytes(t, again) != runtimetest.Bytes(t, out) {
					t.Fatalf("part %d: the redelivery emits different events (%v)", part, err)
				}
				if in = out[0]; in.Type != (events.ExtractionContinued{}).EventType() {
					break
				}
				if part == 1 {
					if p := runtimetest.Only[events.ExtractionContinued](t, out, nil); p.NextPage != 1 {
						t.Errorf("continues with page %d, want 1", p.NextPage)
					}
					c.meanwhile(b)
				}
			}
			landed := in.Type == (events.LandingWritten{}).EventType()
			if landed != c.landed || !slices.Equal(b.portal.fetched, c.fetched) {
				t.Errorf("ended with %s after the pages %v, want %v", in.Type, b.portal.fetched, c.fetched)
			}
		})
	}
}

package fetcher

import (
	"cmp"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/socrata"
)

// A portal that asks to wait is not requested before that time, and what is landed is not fetched again.
func TestThePortalAsksToWait(t *testing.T) {
	t.Parallel()
	until := runtimetest.Start.Add(26 * time.Hour)
	wait := &source.WaitError{Op: "fetch", Until: until, Err: errors.New("429")}
	for name, c := range map[string]struct {
		set     func(b *testFetcher) (heal func())
		fetched []int
		handed  bool // after pages were landed
	}{
		"at once": {func(b *testFetcher) func() {
			b.portal.describe = func() error { return wait }
			return func() { b.portal.describe = nil }
		}, []int{0, 1, 2, 3}, false},
		"at the first page": {func(b *testFetcher) func() {
			b.portal.page = func(int) error { return wait }
			return func() { b.portal.page = nil }
		}, []int{0, 0, 1, 2, 3}, false},
		"between two pages": {func(b *testFetcher) func() {
			b.portal.page = func(index int) error {
				if index == 2 {
					return wait
				}
				return nil
			}
			return func() { b.portal.page = nil }
		}, []int{0, 1, 2, 2, 3}, true},
		"at the end": {func(b *testFetcher) func() {
			b.portal.verify = func() error { return wait }
			return func() { b.portal.verify = nil }
		}, []int{0, 1, 2, 3}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newFetcher(t)
			heal := c.set(b)
			in := runtimetest.Event("1", events.ExtractionRequested{Run: b.run()})
			out, err := b.Deliver(t.Context(), Service, in)
			if c.handed {
				p := runtimetest.Only[events.ExtractionContinued](t, out, err)
				if !p.NotBefore.Equal(until) {
					t.Errorf("continued not before %v, want %v", p.NotBefore, until)
				}
				in = out[0]
				// The event arrives at once. It is put back without a request.
				heal()
				requests := len(b.portal.described) + len(b.portal.fetched)
				_, err = b.Deliver(t.Context(), Service, in)
				if now := len(b.portal.described) + len(b.portal.fetched); now != requests {
					t.Errorf("%d requests before the portal's time", now-requests)
				}
			}
			if at, waits := runtime.NotBefore(err); !waits || !at.Equal(until) || runtime.IsPermanent(err) {
				t.Fatalf("error %v, want one that states %v", err, until)
			}
			heal()
			b.Clock.Set(until)
			out, err = b.Deliver(t.Context(), Service, in)
			b.landed(b.manifest(runtimetest.Only[events.LandingWritten](t, out, err).Manifest))
			if !slices.Equal(b.portal.fetched, c.fetched) {
				t.Errorf("fetched pages %v, want %v", b.portal.fetched, c.fetched)
			}
		})
	}
}

// A comparison with the published pages is handed over too.
func TestThePortalAsksToWaitDuringAComparison(t *testing.T) {
	t.Parallel()
	until := runtimetest.Start.Add(time.Hour)
	b := newFetcher(t)
	b.portal.weak = true
	b.cleared("20250802T063000", nil)
	b.portal.page = func(index int) error {
		if index == 3 && b.Clock.Now().Before(until) {
			return &source.WaitError{Op: "fetch", Until: until, Err: errors.New("429")}
		}
		return nil
	}
	out, err := b.deliver(events.ExtractionRequested{Run: b.run()})
	p := runtimetest.Only[events.ExtractionContinued](t, out, err)
	if !p.NotBefore.Equal(until) || p.NextPage != 3 {
		t.Errorf("%+v", p)
	}
	b.Clock.Set(until)
	out, err = b.deliver(p)
	if p := b.wantUnchanged(out, err); !p.ReadInFull || !slices.Equal(b.portal.fetched, []int{0, 1, 2, 3, 3}) {
		t.Errorf("%+v, fetched %v", p, b.portal.fetched)
	}
}

// A portal that refuses the size of a page is asked for smaller ones, in every delivery of the run.
func TestAPageThatIsTooLarge(t *testing.T) {
	t.Parallel()
	refusal := &source.PermanentError{Op: "fetch page", Err: errors.New("too many cells"), Status: 416, TooLarge: true}
	whole := socrata.Kind.PageSize.Default
	refuseAbove := func(b *testFetcher, size int) {
		b.portal.page = func(index int) error {
			if index >= 1 && cmp.Or(b.portal.target.PageSize, whole) > size {
				return refusal
			}
			return b.Clock.Sleep(t.Context(), time.Minute)
		}
	}
	b := newFetcher(t)
	refuseAbove(b, whole/2)
	in := runtimetest.Event("1", events.ExtractionRequested{Run: b.run()})
	for range 9 {
		out, err := b.Deliver(deadline{t.Context(), b.Clock.Now().Add(2 * time.Minute)}, Service, in)
		if err != nil || len(out) != 1 {
			t.Fatal(out, err)
		}
		if in = out[0]; in.Type == (events.LandingWritten{}).EventType() {
			break
		}
	}
	p, err := events.As[events.LandingWritten](in)
	if err != nil {
		t.Fatal(err)
	}
	m := b.manifest(p.Manifest)
	b.landed(m)
	if want := whole / 2; m.Source.PageSize != want || m.Attempt != "a2" || len(b.portal.described) != 2 {
		t.Errorf("pages of %d in attempt %s after %d descriptions; want pages of %d", m.Source.PageSize, m.Attempt,
			len(b.portal.described), want)
	}

	b = newFetcher(t)
	refuseAbove(b, 0)
	if _, err := b.deliver(events.ExtractionRequested{Run: b.run()}); !errors.Is(err, refusal) || !runtime.IsPermanent(err) {
		t.Errorf("error %v, want the portal's refusal", err)
	}
	if b.portal.target.PageSize < smallestPage || b.portal.target.PageSize >= 2*smallestPage {
		t.Errorf("the last page size was %d, want the smallest", b.portal.target.PageSize)
	}
}

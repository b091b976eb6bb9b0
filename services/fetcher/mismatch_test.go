package fetcher

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
	"github.com/llac-project/llac/platform/source"
)

// sends makes the portal send another page for a requested one, a number of times; 0 means always.
func (p *portal) sends(requested, sent, times int) {
	n := 0
	p.answer = func(index int) int {
		if index != requested || times > 0 && n >= times {
			return index
		}
		n++
		return sent
	}
}

// A page is landed only as the page that was requested, however often the portal, or a cache before it, sends another one.
func TestAPageThatRepeatsAnotherPage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		requested, sent, times int
		attempt                string
		fetched                int // pages in all
	}{
		"a later page, once":            {2, 1, 1, "a1", 4 + 1},
		"a later page, twice":           {2, 0, 2, "a1", 4 + 2},
		"a later page, a whole attempt": {2, 1, 3, "a2", 2 + 3 + 4},
		"an earlier page, once":         {0, 1, 1, "a2", 1 + 3 + 4}, // page 1 is right, and equals what was sent for page 0
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newFetcher(t)
			b.portal.sends(c.requested, c.sent, c.times)
			out, err := b.deliver(events.ExtractionRequested{Run: b.run()})
			m := b.manifest(runtimetest.Only[events.LandingWritten](t, out, err).Manifest)
			b.landed(m)
			if m.Attempt != c.attempt || len(b.portal.fetched) != c.fetched {
				t.Errorf("attempt %s, fetched pages %v; want attempt %s, %d pages", m.Attempt, b.portal.fetched, c.attempt, c.fetched)
			}
		})
	}
}

func TestAPageThatKeepsRepeatingAnotherPage(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	b.portal.sends(1, 0, 0)
	_, err := b.deliver(events.ExtractionRequested{Run: b.run()})
	var transient *source.TransientError
	if !errors.As(err, &transient) || runtime.IsPermanent(err) ||
		!strings.Contains(err.Error(), "page 1 has the same bytes as page 0 in each of 3 attempts; the portal, or a cache before it") {
		t.Errorf("error %v, want a transient one that names both pages", err)
	}
	if slices.ContainsFunc(b.Lake.Keys(), func(k string) bool { return strings.Contains(k, "_manifest") }) {
		t.Errorf("a landing with a repeated page has a manifest: %v", b.Lake.Keys())
	}
	if n := len(b.portal.fetched); n != 3*(1+3) {
		t.Errorf("%d pages fetched, want 12: in each of three attempts one page, and another one three times", n)
	}
}

// A continuation compares its pages with those of earlier deliveries.
func TestARepeatedPageOfAnEarlierDelivery(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	b.portal.page = func(int) error { return b.Clock.Sleep(t.Context(), time.Minute) }
	in := runtimetest.Event("1", events.ExtractionRequested{Run: b.run()})
	out, err := b.Deliver(deadline{t.Context(), b.Clock.Now().Add(time.Minute)}, Service, in)
	handed := runtimetest.Only[events.ExtractionContinued](t, out, err)
	b.portal.sends(1, 0, 1)
	out, err = b.deliver(handed)
	m := b.manifest(runtimetest.Only[events.LandingWritten](t, out, err).Manifest)
	b.landed(m)
	if m.Attempt != handed.Attempt {
		t.Errorf("attempt %s, want the one that was continued", m.Attempt)
	}
}

// A page that differs from its request may be the first sign that the source was re-published. Only Verify can decide.
func TestAMismatchOfASourceThatWasRepublished(t *testing.T) {
	t.Parallel()
	other := &source.PermanentError{Op: "fetch page 1", Err: &source.MismatchError{Reason: "the portal serves at most 1 rows per page"}}
	b := newFetcher(t)
	b.portal.page = func(index int) error {
		if index == 1 && b.portal.version == "v1" {
			return other
		}
		return nil
	}
	b.portal.verify = func() error {
		b.portal.version = "v2"
		return nil
	}
	out, err := b.deliver(events.ExtractionRequested{Run: b.run()})
	if m := b.manifest(runtimetest.Only[events.LandingWritten](t, out, err).Manifest); m.Restarts != 1 {
		t.Errorf("%d restarts, want 1", m.Restarts)
	}
	b = newFetcher(t)
	b.portal.page = func(int) error { return other }
	if _, err := b.deliver(events.ExtractionRequested{Run: b.run()}); !errors.Is(err, other) || !runtime.IsPermanent(err) {
		t.Errorf("error %v, want the portal's", err)
	}
}

package fetcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/socrata"
	"github.com/llac-project/llac/platform/source/sourcetest"
)

// slowPortal serves pages of one row. No page arrives before as many requests wait as are expected at once.
type slowPortal struct {
	*portal
	mu       sync.Mutex
	waiting  int
	most     int
	expected func(index int) int
	changed  *sync.Cond
}

func newSlowPortal(pages, atOnce int, expected func(index int) int) *slowPortal {
	p := &slowPortal{portal: newPortal(), expected: expected}
	p.changed = sync.NewCond(&p.mu)
	p.portal.pages, p.atOnce = nil, atOnce
	for i := range pages {
		p.portal.pages = append(p.portal.pages, fmt.Sprintf(`[{"codi":"%d"}]`, i))
	}
	return p
}

func (p *slowPortal) Page(ctx context.Context, t source.Target, d source.Description, index int) (source.Page, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting++
	p.most = max(p.most, p.waiting)
	p.changed.Broadcast()
	for p.most < p.expected(index) {
		p.changed.Wait()
	}
	page, err := p.portal.Page(ctx, t, d, index)
	p.waiting--
	return page, err
}

// Several pages are requested at once, as many as the portal permits, after the first one has shown how large they are. They are
// landed in their order.
func TestPagesAreFetchedAhead(t *testing.T) {
	t.Parallel()
	b := newFetcher(t)
	p := newSlowPortal(9, 3, func(index int) int { return map[bool]int{true: 3, false: 1}[index == 1 || index == 2 || index == 3] })
	b.portal = p.portal
	b.Ports.Portal = func(string) (source.Client, error) { return p, nil }
	out, err := b.deliver(events.ExtractionRequested{Run: b.run()})
	b.landed(b.manifest(runtimetest.Only[events.LandingWritten](t, out, err).Manifest))
	if p.most != 3 || len(p.fetched) != 9 || p.fetched[0] != 0 {
		t.Errorf("%d requests at once, pages %v; want 3, the first page alone", p.most, p.fetched)
	}
}

// Pages in memory are limited by their size.
func TestLargePagesAreFetchedOneByOne(t *testing.T) {
	t.Parallel()
	sizes := map[int]int{0: 1, 1: 4, aheadBytes / 4: 4, aheadBytes / 3: 3, aheadBytes: 1, 3 * aheadBytes: 1}
	for largest, want := range sizes {
		if got := (&ahead{atOnce: 4, largest: largest}).window(); got != want {
			t.Errorf("pages of %d bytes: %d at once, want %d", largest, got, want)
		}
	}
}

// An error of a page that was fetched ahead ends the extraction only when the pages before it are landed; a panic does not end the
// process.
func TestErrorsOfPagesFetchedAhead(t *testing.T) {
	t.Parallel()
	failure := &source.TransientError{Op: "page 5", Err: errors.New("503")}
	b := newFetcher(t)
	p := newSlowPortal(9, 3, func(int) int { return 1 })
	b.portal = p.portal
	b.Ports.Portal = func(string) (source.Client, error) { return p, nil }
	b.portal.page = func(index int) error { return map[bool]error{true: failure}[index == 5] }
	if _, err := b.deliver(events.ExtractionRequested{Run: b.run()}); !errors.Is(err, failure) {
		t.Errorf("error %v", err)
	}
	if n := len(b.pages()); n != 5 {
		t.Errorf("%d pages landed, want the five before the error", n)
	}
	b.portal.page = func(index int) error {
		if index == 2 {
			panic("a defect")
		}
		return nil
	}
	defer func() {
		if got := recover(); got != "a defect" {
			t.Errorf("recovered %v, want the panic of the page", got)
		}
	}()
	_, err := b.deliver(events.ExtractionRequested{Run: b.run()})
	t.Errorf("no panic, error %v", err)
}

// rows serves a dataset of many small rows. It needs no memory for them.
type rows struct{ total int }

func (f rows) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	w.Header().Set("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT")
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/views/"):
		_, _ = io.WriteString(w, `{"id":"abcd-1234","name":"x","rowsUpdatedAt":1735689600,"columns":[]}`)
	case strings.HasPrefix(q.Get("$select"), "count"):
		_, _ = fmt.Fprintf(w, `[{"count":"%d"}]`, f.total)
	default:
		var limit, offset int
		_, _ = fmt.Sscan(q.Get("$limit"), &limit)
		_, _ = fmt.Sscan(q.Get("$offset"), &offset)
		var body strings.Builder
		body.WriteByte('[')
		for i := offset; i < min(offset+limit, f.total); i++ {
			if i > offset {
				body.WriteByte(',')
			}
			_, _ = fmt.Fprintf(&body, `{"codi":"%d",":id":"row-%d"}`, i, i)
		}
		body.WriteString("]")
		_, _ = io.WriteString(w, body.String())
	}
}

// oneByOne requests one page at a time: with the test's clock, which a wait advances, waits at the same time would be added up.
type oneByOne struct{ source.Client }

func (c oneByOne) Describe(ctx context.Context, t source.Target, since events.Validators) (source.Description, error) {
	d, err := c.Client.Describe(ctx, t, since)
	d.AtOnce = 0
	return d, err
}

// A million rows take at most thirty seconds at the portal's polite rate, by the number of their requests.
func TestAMillionRowsAtThePoliteRate(t *testing.T) {
	t.Parallel()
	const total = 1_000_000
	server := sourcetest.NewServer(t, rows{total}, false)
	client, clock := sourcetest.NewClient(t, socrata.Name)
	b := newFetcher(t)
	b.Ports.Portal = func(string) (source.Client, error) { return oneByOne{client}, nil }
	b.Ports.BaseURL = func(string, string) string { return server.URL }
	started := clock.Now()
	out, err := b.deliver(events.ExtractionRequested{Run: b.run()})
	p := runtimetest.Only[events.LandingWritten](t, out, err)
	if took := clock.Now().Sub(started); p.Rows != total || took > 30*time.Second {
		t.Errorf("%d rows in %d pages took %v at %v requests per second", p.Rows, p.Pages, took, socrata.Kind.RequestsPerSecond)
	}
}

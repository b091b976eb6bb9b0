package fetcher

import (
	"context"
	"sync"

	"github.com/llac-project/llac/platform/source"
)

// aheadBytes limits the pages that are in memory at the same time, by the largest page so far. A portal's page may be large, and
// the function has 512 MiB.
const aheadBytes = 64 << 20

// ahead requests pages before they are needed, as many at once as the portal permits, within its rate limit. Pages are taken in
// their order. The first page is requested alone: it shows how large pages are.
type ahead struct {
	fetch   func(ctx context.Context, index int) (source.Page, error)
	ctx     context.Context
	cancel  context.CancelFunc
	pages   int
	atOnce  int
	largest int // bytes of the largest page so far
	next    int // first page that was not requested
	arrived map[int]chan arrival
	running sync.WaitGroup
}

type arrival struct {
	page     source.Page
	err      error
	panicked any // value of a panic, which must not end the process
}

// fetchAhead returns the pages of a description from an index on. The caller calls stop.
func (x *extraction) fetchAhead(ctx context.Context, d source.Description, from int) *ahead {
	a := &ahead{
		fetch: func(ctx context.Context, index int) (source.Page, error) {
			return x.client.Page(ctx, x.target, d, index)
		},
		pages: len(d.Pages), atOnce: max(d.AtOnce, 1), next: from, arrived: map[int]chan arrival{},
	}
	a.ctx, a.cancel = context.WithCancel(ctx)
	return a
}

// page returns a page. Pages must be taken in their order; the same page may be taken again, and is then requested again.
func (a *ahead) page(index int) (source.Page, error) {
	wanted, known := a.arrived[index]
	if !known && index < a.next {
		return a.fetch(a.ctx, index)
	}
	for a.next < min(index+a.window(), a.pages) || a.next == index {
		a.request(a.next)
		a.next++
	}
	if !known {
		wanted = a.arrived[index]
	}
	delete(a.arrived, index)
	got := <-wanted
	if got.panicked != nil {
		panic(got.panicked) // the runtime makes a permanent error of it
	}
	a.largest = max(a.largest, len(got.page.Body))
	return got.page, got.err
}

// window returns how many pages may be in memory now.
func (a *ahead) window() int {
	if a.largest == 0 {
		return 1
	}
	return max(1, min(a.atOnce, aheadBytes/a.largest))
}

// request requests a page in the background.
func (a *ahead) request(index int) {
	result := make(chan arrival, 1)
	a.arrived[index] = result
	a.running.Go(func() {
		var got arrival
		defer func() {
			got.panicked = recover()
			result <- got
		}()
		got.page, got.err = a.fetch(a.ctx, index)
	})
}

// stop ends the requests of pages that were not taken.
func (a *ahead) stop() {
	a.cancel()
	a.running.Wait()
}

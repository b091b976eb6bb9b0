package pipeline

import (
	"context"
	"slices"
	"sync"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/lake"
)

// Progress is the progress of one request.
type Progress struct {
	Dataset string
	Slot    string
	ledger.Progress
	Page    int   // pages landed, of all slices
	Pages   int   // pages planned, of the slices known so far
	Landed  int64 // rows landed so far
	Resumed bool
}

// tracker has the accounts of the requests that a run waits for.
type tracker struct {
	mu       sync.Mutex
	accounts map[ledger.Request]*watched
	order    []ledger.Request
	changed  chan struct{} // has one token while there is progress to report
	received int           // number of events received, also of other requests
}

type watched struct {
	ledger.Account
	resumed bool
	stuck   bool                // it cannot end by itself
	pages   map[string]pageSeen // by run id
}

type pageSeen struct {
	page, of int
	rows     int64
}

func newTracker() *tracker {
	return &tracker{accounts: map[ledger.Request]*watched{}, changed: make(chan struct{}, 1)}
}

// watch adds a request.
func (t *tracker) watch(r ledger.Request, resumed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.accounts[r] == nil {
		t.accounts[r] = &watched{resumed: resumed, pages: map[string]pageSeen{}}
		t.order = append(t.order, r)
	}
	t.signal()
}

// add adds an event to the account it belongs to.
func (t *tracker) add(e events.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.received++
	if w := t.accounts[ledger.Request{Dataset: e.Subject, Slot: lake.ParseRunID(e.CorrelationID).Slot}]; w != nil && w.Add(e) {
		t.signal()
	}
}

// page records a landed page.
func (t *tracker) page(dataset, run string, page, of int, rows int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.accounts[ledger.Request{Dataset: dataset, Slot: lake.ParseRunID(run).Slot}]
	if w == nil {
		return
	}
	before := w.pages[run]
	if page <= before.page { // a new attempt
		before.rows = 0
	}
	w.pages[run] = pageSeen{page, of, before.rows + rows}
	t.signal()
}

// signal leaves a token for the waiting run; the caller holds mu.
func (t *tracker) signal() {
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// state returns the state of a request; ended reports whether waiting for it is over.
func (t *tracker) state(r ledger.Request) (s ledger.State, started, ended bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.accounts[r]
	if w == nil {
		return ledger.Requested, false, false
	}
	s = w.State()
	return s, w.Started(), s.Ended() || w.stuck
}

// giveUp ends the waiting for a request.
func (t *tracker) giveUp(r ledger.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w := t.accounts[r]; w != nil {
		w.stuck = true
	}
	t.signal()
}

// open returns the requests that have not ended.
func (t *tracker) open() []ledger.Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(t.order), func(r ledger.Request) bool {
		w := t.accounts[r]
		return w.stuck || w.State().Ended()
	})
}

// count returns the number of events received so far.
func (t *tracker) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.received
}

// progress returns the progress of all requests, in the order in which they were requested.
func (t *tracker) progress() []Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Progress, 0, len(t.order))
	for _, r := range t.order {
		w := t.accounts[r]
		p := Progress{Dataset: r.Dataset, Slot: r.Slot, Progress: w.Progress(), Resumed: w.resumed}
		for _, seen := range w.pages {
			p.Page += seen.page
			p.Pages += seen.of
			p.Landed += seen.rows
		}
		out = append(out, p)
	}
	return out
}

// recall adds the events of the receipts to an account.
func (t *tracker) recall(ctx context.Context, l ledger.Ledger, r ledger.Request) error {
	emitted, err := l.Emitted(ctx, r)
	if err != nil {
		return err
	}
	for _, e := range emitted {
		t.mu.Lock()
		if w := t.accounts[r]; w != nil && w.Add(e) {
			t.signal()
		}
		t.mu.Unlock()
	}
	return nil
}

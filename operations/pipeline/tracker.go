package pipeline

import (
	"context"
	"slices"
	"sync"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/lake"
)

// Progress is how far one request has come.
type Progress struct {
	Dataset string
	Slot    string
	ledger.Progress
	Page    int   // pages landed, of all slices
	Pages   int   // pages planned, of the slices that are known so far
	Landed  int64 // rows landed so far
	Resumed bool
}

// tracker holds the accounts of the requests that are watched.
type tracker struct {
	mu       sync.Mutex
	accounts map[ledger.Request]*watched
	order    []ledger.Request
	changed  chan struct{} // holds one token while something new is to be told
	heard    int           // events heard, ours or not
}

type watched struct {
	ledger.Account
	resumed bool
	given   bool                // given up: it will not end by itself
	pages   map[string]pageSeen // by run id
}

type pageSeen struct {
	page, of int
	rows     int64
}

func newTracker() *tracker {
	return &tracker{accounts: map[ledger.Request]*watched{}, changed: make(chan struct{}, 1)}
}

// watch begins to watch a request.
func (t *tracker) watch(r ledger.Request, resumed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.accounts[r] == nil {
		t.accounts[r] = &watched{resumed: resumed, pages: map[string]pageSeen{}}
		t.order = append(t.order, r)
	}
	t.tell()
}

// add takes an event into the account it belongs to.
func (t *tracker) add(e events.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heard++
	if w := t.accounts[ledger.Request{Dataset: e.Subject, Slot: lake.ParseRunID(e.CorrelationID).Slot}]; w != nil && w.Add(e) {
		t.tell()
	}
}

// page takes note of a landed page.
func (t *tracker) page(dataset, run string, page, of int, rows int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.accounts[ledger.Request{Dataset: dataset, Slot: lake.ParseRunID(run).Slot}]
	if w == nil {
		return
	}
	before := w.pages[run]
	if page <= before.page { // an attempt that began again
		before.rows = 0
	}
	w.pages[run] = pageSeen{page, of, before.rows + rows}
	t.tell()
}

// tell leaves a token for whoever waits; the caller holds mu.
func (t *tracker) tell() {
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// state is how far a request has come; ended says whether it needs no more waiting.
func (t *tracker) state(r ledger.Request) (s ledger.State, started, ended bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.accounts[r]
	if w == nil {
		return ledger.Requested, false, false
	}
	s = w.State()
	return s, w.Started(), s.Ended() || w.given
}

// giveUp stops waiting for a request.
func (t *tracker) giveUp(r ledger.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w := t.accounts[r]; w != nil {
		w.given = true
	}
	t.tell()
}

// open lists the requests that have not ended.
func (t *tracker) open() []ledger.Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(t.order), func(r ledger.Request) bool {
		w := t.accounts[r]
		return w.given || w.State().Ended()
	})
}

// count is the number of events heard so far.
func (t *tracker) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.heard
}

// progress tells of all requests, in the order in which they were asked for.
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

// recall takes into an account what the receipts say.
func (t *tracker) recall(ctx context.Context, l ledger.Ledger, r ledger.Request) error {
	emitted, err := l.Emitted(ctx, r)
	if err != nil {
		return err
	}
	for _, e := range emitted {
		t.mu.Lock()
		if w := t.accounts[r]; w != nil && w.Add(e) {
			t.tell()
		}
		t.mu.Unlock()
	}
	return nil
}

package engine

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
)

// eachPage reads all pages, makes them ready on all processors and hands their batches to take, one at a time and from the
// last page to the first. While some lanes wait for bytes, others work. Invariant: take sees the same batches in the same
// order, however many lanes there are (invariant 6).
func (j *job) eachPage(ctx context.Context, take func(*batch) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var lanes sync.WaitGroup
	defer lanes.Wait()
	defer cancel()

	nLanes, nWorkers := j.options.lanes(j.Pages)
	window := nLanes + 1 // batches under way
	var (
		ready   = make([]chan *batch, window)
		tokens  = make(chan *batch, window) // a free batch allows to begin a page
		workers = make(chan *worker, nWorkers)
		pages   = make(chan *batch)
	)
	for i := range ready {
		ready[i] = make(chan *batch, 1)
		tokens <- &batch{}
	}
	for range nWorkers {
		w, err := newWorker(j)
		if err != nil {
			return &Fault{"stage " + j.Contract.Dataset, err}
		}
		workers <- w
	}
	for range nLanes {
		lanes.Go(func() {
			var buffer []byte
			for b := range pages {
				buffer = j.ready(ctx, b, buffer, workers)
				ready[b.page%window] <- b
			}
		})
	}
	lanes.Go(func() {
		defer close(pages)
		for page := len(j.Pages) - 1; page >= 0; page-- {
			select {
			case b := <-tokens:
				b.reset(page)
				pages <- b
			case <-ctx.Done():
				return
			}
		}
	})
	done := Progress{Of: len(j.Pages)}
	for page := len(j.Pages) - 1; page >= 0; page-- {
		var b *batch
		select {
		case b = <-ready[page%window]:
		case <-ctx.Done():
			return fmt.Errorf("stage page %s: %w", j.Pages[page].Key, ctx.Err())
		}
		if err := take(b); err != nil {
			return err
		}
		done.Pages, done.Rows, done.Bytes = done.Pages+1, done.Rows+b.rows, done.Bytes+b.bytes
		tokens <- b
		if j.options.Progress != nil {
			j.options.Progress(done)
		}
	}
	return nil
}

// ready reads the page of b into buffer, which it answers, perhaps grown, and lets a worker make it ready.
func (j *job) ready(ctx context.Context, b *batch, buffer []byte, workers chan *worker) []byte {
	page := &j.Pages[b.page]
	var body []byte
	err := guarded(func() (err error) {
		body, err = page.Read(ctx, buffer[:0])
		return err
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		b.err = fmt.Errorf("stage page %s: %w", page.Key, err)
		return buffer
	}
	w := <-workers
	if err := guarded(func() error { w.read(ctx, b, page, body); return nil }); err != nil {
		b.err = err
	}
	workers <- w
	return body
}

// guarded turns a panic into a fault: it is no reason for a service to die with the other messages it works on.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Fault{"stage", fmt.Errorf("panic: %v; this is a fault of the stager, report it:\n%s", p, debug.Stack())}
		}
	}()
	return f()
}

// workers is how many goroutines work at once.
func (o Options) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return max(1, min(runtime.GOMAXPROCS(0), int(o.memory()/workerBytes)))
}

// workerBytes is the memory that a run should have for each worker, with its memos, pages, batches and encoder.
const workerBytes = 64 << 20

// readAhead is how many pages are waited for while the workers have one each.
const readAhead = 6

// lanes answers how many pages may be held at once, and how many workers there are for them: fewer than wished for when
// the pages are large.
func (o Options) lanes(pages []Page) (lanes, workers int) {
	var largest int64
	for _, p := range pages {
		largest = max(largest, p.Size)
	}
	workers = o.workers()
	lanes = workers + readAhead
	if largest > 0 {
		lanes = max(1, min(lanes, int(o.memory()/10/largest)))
	}
	return lanes, min(workers, lanes)
}

func (o Options) memory() int64 {
	if o.Memory > 0 {
		return o.Memory
	}
	return DefaultMemory
}

// besidesKeys is what a run takes beside its keys, about: rows not yet written, dictionaries, memos, pages, encoders and
// the program itself.
const besidesKeys = 192 << 20

// memoBytes is the memory for the memos of one worker: a tenth of all for all of them.
func (o Options) memoBytes() int { return int(o.memory()) / 10 / o.workers() }

// keyBytes is the memory left for keys.
func (o Options) keyBytes() int64 { return max(o.memory()-besidesKeys, 16<<20) }

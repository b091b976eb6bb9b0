package engine

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
)

// eachPage reads all pages, parses them on all processors and passes their batches to process, one at a time and from
// the last page to the first. While some readers wait for bytes, other pages are parsed. Invariant: process receives
// the same batches in the same order for any number of readers (invariant 6).
func (j *job) eachPage(ctx context.Context, process func(*batch) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var readers sync.WaitGroup
	defer readers.Wait()
	defer cancel()

	nReaders, nWorkers := j.options.readers(j.Pages)
	window := nReaders + 1 // batches in progress
	var (
		ready   = make([]chan *batch, window)
		tokens  = make(chan *batch, window) // free batches; each permits one more page to start
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
			return j.fault("%w", err)
		}
		workers <- w
	}
	for range nReaders {
		readers.Go(func() {
			var buffer []byte
			for b := range pages {
				buffer = j.prepare(ctx, b, buffer, workers)
				ready[b.page%window] <- b
			}
		})
	}
	readers.Go(func() { j.assignPages(ctx, tokens, pages) })
	done := Progress{Of: len(j.Pages)}
	for page := len(j.Pages) - 1; page >= 0; page-- {
		var b *batch
		select {
		case b = <-ready[page%window]:
		case <-ctx.Done():
			return fmt.Errorf("stage page %s: %w", j.Pages[page].Key, ctx.Err())
		}
		if err := process(b); err != nil {
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

// assignPages assigns the pages to free batches, from the last to the first, and sends them to the readers.
func (j *job) assignPages(ctx context.Context, free <-chan *batch, pages chan<- *batch) {
	defer close(pages)
	for page := len(j.Pages) - 1; page >= 0; page-- {
		select {
		case b := <-free:
			b.reset(page)
			pages <- b
		case <-ctx.Done():
			return
		}
	}
}

// prepare reads the page of b into buffer, which it returns, possibly grown, and has a worker parse it.
func (j *job) prepare(ctx context.Context, b *batch, buffer []byte, workers chan *worker) []byte {
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

// guarded turns a panic into a Fault, so that it does not stop the process and the other messages it handles.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Fault{"stage", fmt.Errorf("panic: %v; this is a bug in the stager, please report it:\n%s", p, debug.Stack())}
		}
	}()
	return f()
}

// workers returns the number of pages that are parsed concurrently.
func (o Options) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return max(1, min(runtime.GOMAXPROCS(0), int(o.memory()/workerBytes)))
}

// workerBytes is the memory that a run should have per worker, with its memos, pages, batches and encoder.
const workerBytes = 64 << 20

// readAhead is the number of pages that are read while each worker parses one.
const readAhead = 6

// readers returns how many pages may be in memory at once, and how many workers parse them. Large pages have fewer readers, but
// one more than workers as long as their pages take less than half of the memory, so that no worker waits for bytes.
func (o Options) readers(pages []Page) (readers, workers int) {
	var largest int64
	for _, p := range pages {
		largest = max(largest, p.Size)
	}
	workers = o.workers()
	readers = workers + readAhead
	if largest > 0 {
		few := int(o.memory() / 10 / largest)
		if busy := workers + 1; 2*int64(busy)*largest < o.memory()/2 {
			few = max(few, busy)
		}
		readers = max(1, min(readers, few))
	}
	return readers, min(workers, readers)
}

func (o Options) memory() int64 {
	if o.Memory > 0 {
		return o.Memory
	}
	return DefaultMemory
}

// baseMemory is the approximate memory of a run without its keys: open rows, dictionaries, memos, pages, encoders and
// the program itself.
const baseMemory = 192 << 20

// memoBytes returns the memory for the memos of one worker: all memos together get a tenth.
func (o Options) memoBytes() int { return int(o.memory()) / 10 / o.workers() }

// keyBytes returns the memory left for keys.
func (o Options) keyBytes() int64 { return max(o.memory()-baseMemory, 16<<20) }

package messaging

import (
	"context"
	"sync"
	"time"

	"github.com/llac-project/llac/platform/clock"
)

// batcher collects single items and flushes up to ten at a time. An item waits for others no longer than linger.
type batcher[T any] struct {
	items   chan T
	done    chan struct{}
	flush   func([]T)
	calls   chan struct{} // bounds the flushes in progress
	pending sync.WaitGroup
}

// maxFlushes is the number of concurrent calls. It is enough to keep a queue with 20 ms latency busy.
const maxFlushes = 16

func newBatcher[T any](c clock.Clock, linger time.Duration, flush func([]T)) *batcher[T] {
	b := &batcher[T]{items: make(chan T, 8*MaxBatch), done: make(chan struct{}), flush: flush, calls: make(chan struct{}, maxFlushes)}
	go b.collect(c, linger)
	return b
}

func (b *batcher[T]) add(item T) { b.items <- item }

// close flushes the remaining items and waits for the calls in progress. add must not be called after it.
func (b *batcher[T]) close() {
	close(b.items)
	<-b.done
	b.pending.Wait()
}

func (b *batcher[T]) collect(c clock.Clock, linger time.Duration) {
	defer close(b.done)
	for first := range b.items {
		batch := append(make([]T, 0, MaxBatch), first)
		batch = b.more(batch)
		if len(batch) < MaxBatch && linger > 0 {
			_ = c.Sleep(context.Background(), linger)
			batch = b.more(batch)
		}
		b.calls <- struct{}{}
		b.pending.Go(func() {
			b.flush(batch)
			<-b.calls
		})
	}
}

// more adds the items that are available now, without waiting.
func (b *batcher[T]) more(batch []T) []T {
	for len(batch) < MaxBatch {
		select {
		case item, ok := <-b.items:
			if !ok {
				return batch
			}
			batch = append(batch, item)
		default:
			return batch
		}
	}
	return batch
}

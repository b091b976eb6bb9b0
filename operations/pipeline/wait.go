package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/llac-project/llac/platform/clock"
)

// quiet is how long no event may be received before the queues are checked for remaining work. It is real time, independent of the
// run's clock, because messages take real time.
const quiet = time.Second

// wait returns when every request has ended, when ctx ends, or when a service cannot run. Events report progress; only a
// long silence makes it check the queues.
func (r *runner) wait(ctx context.Context) error {
	silence, stop := context.WithCancel(ctx)
	defer stop()
	ticks := make(chan struct{})
	go func() {
		for (clock.System{}).Sleep(silence, quiet) == nil {
			select {
			case ticks <- struct{}{}:
			case <-silence.Done():
			}
		}
	}()
	received := r.tracker.count()
	for {
		r.Progress(r.tracker.progress())
		if len(r.tracker.open()) == 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		select {
		case <-r.tracker.changed:
		case err := <-r.failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-ticks:
			if now := r.tracker.count(); now != received {
				received = now
				continue
			}
			if err := r.silent(ctx); err != nil {
				return err
			}
		}
	}
}

// silent handles a silence. If the queues are empty, a request that has not ended by its receipts cannot end by itself. The
// requests are published once more, which makes every stage emit its events again; requests that do not progress then
// are given up.
func (r *runner) silent(ctx context.Context) error {
	if err := r.portalsAskToWait(ctx); err != nil {
		return err
	}
	idle, err := r.Idle(ctx)
	if err != nil || !idle {
		return err
	}
	open := r.tracker.open()
	for _, request := range open {
		if err := r.tracker.recall(ctx, r.ledger, request); err != nil {
			return err
		}
	}
	// A dataset that the scheduler holds back waits for one that no service is working on any more.
	for _, request := range r.tracker.open() {
		waiting, err := HeldBack(ctx, r.ledger.Lake, request.Dataset)
		if err != nil {
			return err
		}
		if _, started, _ := r.tracker.state(request); waiting != "" && !started {
			r.tracker.giveUp(request)
		}
	}
	open = r.tracker.open()
	if r.nudged {
		for _, request := range open {
			r.tracker.giveUp(request)
		}
		return nil
	}
	r.nudged = true
	for _, p := range r.requests {
		if slices.Contains(open, p.Request()) {
			if err := r.publish(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// portalsAskToWait reports each request that waits because its portal asked for it, once. It returns ErrTimeout if no request can
// end before the time limit: nothing else is to be waited for. A later run continues the requests.
func (r *runner) portalsAskToWait(ctx context.Context) error {
	open := r.tracker.open()
	deadline, limited := ctx.Deadline()
	var first time.Time
	waiting := 0
	for _, request := range open {
		until, err := r.ledger.Waiting(ctx, request)
		if err != nil {
			return err
		}
		if !until.After(r.Clock.Now()) {
			continue
		}
		waiting++
		if first.IsZero() || until.Before(first) {
			first = until
		}
		if !r.announced[request].Equal(until) {
			r.announced[request] = until
			r.Notice(fmt.Sprintf("%s waits until %s: the portal asked for it.", request.Dataset, until.UTC().Format(waitLayout)))
		}
	}
	// The deadline is of the machine's clock, the wait is of the run's.
	if waiting == 0 || waiting < len(open) || !limited || first.Sub(r.Clock.Now()) < time.Until(deadline) {
		return nil
	}
	return fmt.Errorf("%w: the portals asked for no request before %s", ErrTimeout, first.UTC().Format(waitLayout))
}

// waitLayout is the layout of the time until which a request waits.
const waitLayout = "2006-01-02 15:04 MST"

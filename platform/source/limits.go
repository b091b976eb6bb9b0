package source

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/llac-project/llac/platform/clock"
)

// Limits holds one rate limit per host, so that all clients that share it respect the limit together.
type Limits struct {
	mu    sync.Mutex
	hosts map[string]*hostLimit
}

// NewLimits returns a separate set of limits, for tests and simulations with their own clock.
func NewLimits() *Limits { return &Limits{hosts: map[string]*hostLimit{}} }

// processLimits is shared by every client without its own limits: the portals count by address, not by client.
var processLimits = NewLimits()

type hostLimit struct {
	limiter *rate.Limiter

	mu     sync.Mutex
	until  time.Time     // no request before then (Retry-After)
	raised chan struct{} // closed when the rate goes up, so that sleepers recompute their wait
}

// host returns the limit of a host, and creates it on first use. A rate that was given explicitly can only lower what
// another client has set.
func (l *Limits) host(name string, perSecond float64, explicit bool) *hostLimit {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.hosts[name]
	if h == nil {
		h = &hostLimit{limiter: rate.NewLimiter(rate.Limit(perSecond), 1), raised: make(chan struct{})}
		l.hosts[name] = h
	} else if explicit && rate.Limit(perSecond) < h.limiter.Limit() {
		h.limiter.SetLimit(rate.Limit(perSecond))
		h.limiter.SetBurst(1)
	}
	return h
}

// raise increases the limit to the rate that a simulator advertises.
func (h *hostLimit) raise(now time.Time, perSecond float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if rate.Limit(perSecond) <= h.limiter.Limit() {
		return
	}
	h.limiter.SetLimitAt(now, rate.Limit(perSecond))
	h.limiter.SetBurstAt(now, max(1, int(perSecond/10)))
	close(h.raised)
	h.raised = make(chan struct{})
}

// quiet stops all requests to the host for d.
func (h *hostLimit) quiet(now time.Time, d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := now.Add(d); t.After(h.until) {
		h.until = t
	}
}

// quietUntil returns the time before which the host must not be requested; in the past if there is none.
func (h *hostLimit) quietUntil() time.Time {
	until, _ := h.state()
	return until
}

func (h *hostLimit) state() (until time.Time, raised <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.until, h.raised
}

// wait blocks until the host may be requested again, or ctx ends.
func (h *hostLimit) wait(ctx context.Context, c clock.Clock) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		until, raised := h.state()
		now := c.Now()
		if d := until.Sub(now); d > 0 {
			if err := c.Sleep(ctx, d); err != nil {
				return err
			}
			continue
		}
		turn := h.limiter.ReserveN(now, 1)
		d := turn.DelayFrom(now)
		if d <= 0 {
			return nil
		}
		again, err := sleepUnless(ctx, c, d, raised)
		if err != nil {
			turn.CancelAt(c.Now())
			return err
		}
		if !again {
			return nil
		}
		turn.CancelAt(c.Now())
	}
}

// sleepUnless sleeps for d, and reports whether the sleep ended early because raised was closed.
func sleepUnless(ctx context.Context, c clock.Clock, d time.Duration, raised <-chan struct{}) (bool, error) {
	sleep, wake := context.WithCancel(ctx)
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-raised:
			wake()
		case <-done:
		}
	}()
	err := c.Sleep(sleep, d)
	close(done)
	<-watched
	wake()
	if err == nil {
		return false, nil
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return true, nil
}

package source

import (
	"context"
	"crypto/tls"
	"net/http"
	"testing"
	"time"
)

// stillClock sleeps forever, except for short waits, which return at once.
type stillClock struct {
	now      time.Time
	sleeping chan struct{}
}

func (c *stillClock) Now() time.Time { return c.now }

func (c *stillClock) Sleep(ctx context.Context, d time.Duration) error {
	if d < 100*time.Millisecond {
		return ctx.Err()
	}
	c.sleeping <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}

// A waiter at the default rate continues when a simulator raises the rate.
func TestRaiseWakesWaiters(t *testing.T) {
	t.Parallel()
	c := &stillClock{now: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), sleeping: make(chan struct{}, 1)}
	h := NewLimits().host("127.0.0.1:9000", 1, false)
	if err := h.wait(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- h.wait(t.Context(), c) }()
	<-c.sleeping
	h.raise(c.now, 1000)
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the waiter still sleeps")
	}
}

// A wait ends with its context, also during a Retry-After.
func TestWaitEndsWithContext(t *testing.T) {
	t.Parallel()
	c := &stillClock{now: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), sleeping: make(chan struct{}, 1)}
	h := NewLimits().host("127.0.0.1:9000", 1, false)
	h.quiet(c.now, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.wait(ctx, c) }()
	<-c.sleeping
	cancel()
	if err := <-done; err != context.Canceled {
		t.Errorf("error %v, want canceled", err)
	}
}

// An explicit rate lowers a limit that others share, and never raises it.
func TestStricterRateWins(t *testing.T) {
	t.Parallel()
	l := NewLimits()
	l.host("a", 4, false)
	for _, c := range []struct {
		rate     float64
		explicit bool
		want     float64
	}{{10, true, 4}, {1, false, 4}, {1, true, 1}, {4, false, 1}} {
		if got := float64(l.host("a", c.rate, c.explicit).limiter.Limit()); got != c.want {
			t.Errorf("after %v (explicit %v): %v per second, want %v", c.rate, c.explicit, got, c.want)
		}
	}
}

func TestTransportRequiresTLS12(t *testing.T) {
	t.Parallel()
	if v := sharedTransport().(*http.Transport).TLSClientConfig.MinVersion; v < tls.VersionTLS12 {
		t.Errorf("minimum TLS version %#x", v)
	}
}

package runtime

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/messaging"
)

// handClock is a clock that a test sets.
type handClock struct{ now time.Time }

func (c *handClock) Now() time.Time                                   { return c.now }
func (c *handClock) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// newWaitingWorker returns a worker whose handler returns the error that next returns, and its clock.
func newWaitingWorker(t *testing.T, next func() error) (*testWorker, *handClock, *int) {
	t.Helper()
	handled := 0
	b := newTestWorker(t, func(ctx context.Context, in events.Event) ([]events.Event, error) {
		handled++
		if err := next(); err != nil {
			return nil, err
		}
		return stage(ctx, in)
	})
	c := &handClock{time.Date(2025, 8, 3, 14, 0, 0, 0, time.UTC)}
	b.ports.Clock = c
	return b, c, &handled
}

func (b *testWorker) record(t *testing.T) *lake.Wait {
	t.Helper()
	w, _, err := lake.ReadState[lake.Wait](t.Context(), b.lake, lake.WaitKey(testRun.Dataset, testRun.RunID, "stager"))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Retry-After of a day: the message is put back as long as SQS allows, comes before its time, is put back again without being
// handled, and is handled at its time. None of the receives is a try.
func TestAMessageWaitsForADay(t *testing.T) {
	t.Parallel()
	var until time.Time
	var failure error
	b, clock, handled := newWaitingWorker(t, func() error { return failure })
	until = clock.now.Add(24 * time.Hour)
	failure = Postpone(until, errors.New("429"))
	receives := 0
	for _, hours := range []float64{0, 11.5, 23} {
		receives++
		clock.now = until.Add(-24 * time.Hour).Add(time.Duration(hours * float64(time.Hour)))
		_, what, err := b.work(t.Context(), delivery(validated(t), receives))
		if at, ok := NotBefore(err); what != later || !ok || !at.Equal(until) {
			t.Fatalf("receive %d: %v %v, want a message that waits until %v", receives, what, err, until)
		}
	}
	r := b.record(t)
	if *handled != 1 || r.Asked != 1 || r.Times != 3 || !r.Until.Equal(until) || r.Service != "stager" || r.Reason != "429" ||
		r.EventID != "municipalities/20250803T140512/validator/1" {
		t.Errorf("handled %d times, record %+v", *handled, r)
	}
	clock.now = until
	failure = errors.New("portal is down")
	for try, want := range []fate{again, again, dead} {
		receives++
		_, what, err := b.work(t.Context(), delivery(validated(t), receives))
		if what != want {
			t.Errorf("try %d after the wait: %v %v, want %v", try+1, what, err, want)
		}
		if what == dead && err.Error() != "given up after 3 tries: portal is down" {
			t.Errorf("reason %q", err)
		}
	}
}

// A service gives up with a reason when a portal asks for too much.
func TestAPortalThatAsksForTooMuch(t *testing.T) {
	t.Parallel()
	var failure error
	b, clock, _ := newWaitingWorker(t, func() error { return failure })
	failure = Postpone(clock.now.Add(49*time.Hour), errors.New("429"))
	_, what, err := b.work(t.Context(), delivery(validated(t), 1))
	if what != dead || !strings.Contains(err.Error(), "not waiting until 2025-08-05 15:00 UTC, more than 48h0m0s") {
		t.Errorf("two days: %v %v", what, err)
	}
	if p, err := events.As[events.RunFailed](b.published[0]); err != nil || p.Failure.Class != "transient" {
		t.Errorf("published %+v %v", p, err)
	}

	b, clock, handled := newWaitingWorker(t, func() error { return failure })
	for receives := 1; ; receives++ {
		failure = Postpone(clock.now.Add(10*time.Minute), errors.New("429"))
		_, what, err := b.work(t.Context(), delivery(validated(t), receives))
		if what == dead {
			if receives != messaging.MaxWaits+1 || *handled != receives ||
				!strings.Contains(err.Error(), "put back 8 times because the portal asked to wait: 429") {
				t.Errorf("given up at receive %d after %d tries: %v", receives, *handled, err)
			}
			break
		}
		if what != later || receives > 20 {
			t.Fatalf("receive %d: %v %v", receives, what, err)
		}
		clock.now = clock.now.Add(10 * time.Minute)
	}
	if messaging.RedriveAfter(3) <= messaging.MaxWaits+1 {
		t.Errorf("SQS moves the message after %d receives, before the service gives up", messaging.RedriveAfter(3))
	}
}

// The waits of one message do not count for another message of the run.
func TestWaitsBelongToOneMessage(t *testing.T) {
	t.Parallel()
	var failure error
	b, clock, _ := newWaitingWorker(t, func() error { return failure })
	failure = Postpone(clock.now.Add(time.Hour), errors.New("429"))
	if _, what, err := b.work(t.Context(), delivery(validated(t), 1)); what != later {
		t.Fatal(what, err)
	}
	failure = errors.New("portal is down")
	other := strings.Replace(validated(t), "validator/1", "validator/2", 1)
	if _, what, err := b.work(t.Context(), delivery(other, 3)); what != dead {
		t.Errorf("another message in its third try: %v %v", what, err)
	}
}

// In Lambda the function itself hides the message until its time.
func TestALambdaFunctionPutsAMessageBack(t *testing.T) {
	t.Parallel()
	var failure error
	b, clock, _ := newWaitingWorker(t, func() error { return failure })
	c := &connected{Options: Options{Ports: b.ports, Backoff: messaging.DefaultBackoff}, worker: b.worker}
	for asked, want := range map[time.Duration]int32{
		10 * time.Minute: 600, 90*time.Second + time.Millisecond: 91, -time.Hour: 1,
		24 * time.Hour: int32(messaging.LongestWait / time.Second),
	} {
		failure = Postpone(clock.now.Add(asked), errors.New("429"))
		if rest := c.workOne(t.Context(), delivery(validated(t), 1)); rest == nil || *rest != want {
			t.Errorf("a wait of %s: hidden for %v seconds, want %d", asked, rest, want)
		}
	}
	if limit := 12 * time.Hour; messaging.LongestWait+15*time.Minute+giveUpTime > limit {
		t.Errorf("a message that was handled for 15 minutes would be hidden for more than %s after its receive", limit)
	}
}

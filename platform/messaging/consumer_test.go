package messaging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// noRandom makes backoffs deterministic.
func noRandom() float64 { return 0 }

func subscribe(t *testing.T, f *fakeSQS, change func(*ConsumerConfig)) (*Consumer, <-chan *message.Message) {
	t.Helper()
	config := ConsumerConfig{
		Client: f, Service: "stager", DeadLetterQueue: "dead", Pollers: 1, Concurrency: 10, Visibility: 30 * time.Second,
		MaxReceives: 3, Backoff: Backoff{First: 4 * time.Second, Max: time.Minute, Random: noRandom},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if change != nil {
		change(&config)
	}
	c, err := NewConsumer(config)
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Subscribe(t.Context(), "work")
	if err != nil {
		t.Fatal(err)
	}
	return c, out
}

// work calls handle for each message, in its own goroutine, until the channel is closed.
func work(out <-chan *message.Message, handle func(*message.Message)) *sync.WaitGroup {
	var group sync.WaitGroup
	group.Go(func() {
		for m := range out {
			group.Go(func() { handle(m) })
		}
	})
	return &group
}

// pass advances the bubble's time and waits until its goroutines are idle.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestPoisonMessageDoesNotAffectItsBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSQS()
		f.put("work", "good0", "good1", "good2", "good3", "poison", "good5", "good6", "good7", "good8", "good9")
		c, out := subscribe(t, f, nil)
		var mu sync.Mutex
		var handled []string
		done := work(out, func(m *message.Message) {
			if string(m.Payload) == "poison" {
				Reject(m, errors.New("unknown event type\n\x00"))
				return
			}
			mu.Lock()
			handled = append(handled, string(m.Payload))
			mu.Unlock()
			m.Ack()
		})
		pass(time.Second)
		if len(handled) != 9 {
			t.Errorf("handled %v, want each of the nine good messages once", handled)
		}
		if left := f.messages("work"); len(left) != 0 {
			t.Errorf("%d messages remain in the queue", len(left))
		}
		dead := f.messages("dead")
		if len(dead) != 1 || dead[0].body != "poison" {
			t.Fatalf("dead letters: %v, want only the poison message", dead)
		}
		at := func(name string) string { return aws.ToString(dead[0].attributes[name].StringValue) }
		if at("type") != "t" || at(AttributeReason) != "unknown event type" ||
			at(AttributeService) != "stager" || at(AttributeReceiveCount) != "1" {
			t.Errorf("attributes of the dead letter: %v", dead[0].attributes)
		}
		for _, name := range []string{AttributeFailedAt, AttributeFirstReceived} {
			if _, err := time.Parse(time.RFC3339Nano, at(name)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		done.Wait()
	})
}

func TestUndecodableMessageIsRejectedAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSQS()
		f.put("work", "a", "b", "c")
		c, out := subscribe(t, f, func(c *ConsumerConfig) {
			c.Decode = func(m types.Message) (*message.Message, error) {
				if *m.Body == "b" {
					return nil, errors.New("unexpected bytes")
				}
				return Decode(m)
			}
		})
		done := work(out, func(m *message.Message) { m.Ack() })
		pass(time.Second)
		dead := f.messages("dead")
		if len(dead) != 1 || len(f.messages("work")) != 0 ||
			!strings.Contains(aws.ToString(dead[0].attributes[AttributeReason].StringValue), "unexpected bytes") {
			t.Errorf("dead letters %v, remaining %v", dead, f.messages("work"))
		}
		_ = c.Close()
		done.Wait()
	})
}

func TestDeadLetterIsSentBeforeTheMessageIsDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSQS()
		refusals := 2
		f.fail = func(call string) error {
			if call == "send dead" && refusals > 0 {
				refusals--
				return errors.New("internal error")
			}
			return nil
		}
		f.put("work", "poison")
		c, out := subscribe(t, f, nil)
		done := work(out, func(m *message.Message) { Reject(m, errors.New("no")) })
		pass(time.Second)
		if got, want := f.log(), []string{"send dead", "visibility 4"}; !slices.Equal(got, want) {
			t.Fatalf("calls after a failed send: %v, want %v and no delete", got, want)
		}
		pass(time.Minute)
		want := []string{"send dead", "visibility 4", "send dead", "visibility 8", "send dead", "delete 1"}
		if got := f.log(); !slices.Equal(got, want) {
			t.Errorf("calls: %v, want %v", got, want)
		}
		if n := len(f.messages("dead")); n != 1 {
			t.Errorf("%d dead letters, want 1", n)
		}
		_ = c.Close()
		done.Wait()
	})
}

func TestTransientFailureIsRetriedWithBackoffThenRejected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSQS()
		f.put("work", "failing")
		start := time.Now()
		var at []time.Duration
		c, out := subscribe(t, f, nil)
		done := work(out, func(m *message.Message) {
			at = append(at, time.Since(start).Round(time.Second))
			Retry(m, fmt.Errorf("portal is down"))
		})
		pass(time.Hour)
		if want := []time.Duration{0, 4 * time.Second, 12 * time.Second}; !slices.Equal(at, want) {
			t.Errorf("attempts at %v, want %v", at, want)
		}
		dead := f.messages("dead")
		if len(dead) != 1 || aws.ToString(dead[0].attributes[AttributeReason].StringValue) != "given up after 3 tries: portal is down" ||
			aws.ToString(dead[0].attributes[AttributeReceiveCount].StringValue) != "3" {
			t.Errorf("dead letters: %+v", dead)
		}
		_ = c.Close()
		done.Wait()
	})
}

func TestVisibilityIsRenewedWhileAHandlerWorks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSQS()
		f.put("work", "a", "b", "long")
		deliveries := map[string]int{}
		var mu sync.Mutex
		c, out := subscribe(t, f, func(c *ConsumerConfig) { c.Pollers = 2 })
		done := work(out, func(m *message.Message) {
			mu.Lock()
			deliveries[string(m.Payload)]++
			mu.Unlock()
			if string(m.Payload) == "long" {
				time.Sleep(5 * time.Minute)
			}
			m.Ack()
		})
		pass(10 * time.Minute)
		if deliveries["long"] != 1 || len(f.messages("work")) != 0 {
			t.Errorf("deliveries %v, remaining %v; want one each and none remaining", deliveries, f.messages("work"))
		}
		renewals := 0
		for _, call := range f.log() {
			if call == "visibility 30" {
				renewals++
			}
		}
		if renewals < 16 || renewals > 20 { // every 15 to 18 s in 5 minutes
			t.Errorf("%d renewals, want about one per half visibility", renewals)
		}
		_ = c.Close()
		done.Wait()
	})
}

func TestRenewalEndsAfterMaxWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSQS()
		f.put("work", "stuck")
		c, out := subscribe(t, f, func(c *ConsumerConfig) { c.MaxWork, c.Grace = time.Minute, time.Second })
		first := <-out
		select {
		case <-first.Context().Done():
		case <-time.After(2 * time.Minute):
			t.Error("the message's context has not ended after MaxWork")
		}
		second := <-out
		if d, _ := DeliveryOf(second); d.Receives != 2 {
			t.Errorf("receives = %d, want 2", d.Receives)
		}
		second.Ack()
		_ = c.Close()
	})
}

func TestMessageWithALostDeleteIsReceivedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSQS()
		lost := true
		f.fail = func(call string) error {
			if lost && strings.HasPrefix(call, "delete ") {
				lost = false
				return errors.New("connection reset")
			}
			return nil
		}
		f.put("work", "a")
		var receives []int
		c, out := subscribe(t, f, nil)
		done := work(out, func(m *message.Message) {
			d, _ := DeliveryOf(m)
			receives = append(receives, d.Receives)
			m.Ack()
		})
		pass(time.Minute)
		if !slices.Equal(receives, []int{1, 2}) || len(f.messages("work")) != 0 {
			t.Errorf("receives %v, remaining %v; want a second receive after the visibility, then none", receives, f.messages("work"))
		}
		_ = c.Close()
		done.Wait()
	})
}

func TestOnlyTheFailedBatchEntryIsDeletedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSQS()
		refusals := map[string]int{"delete m1/1": 1}
		f.fail = func(call string) error {
			if refusals[call] > 0 {
				refusals[call]--
				return errors.New("internal")
			}
			return nil
		}
		f.put("work", "a", "b")
		c, out := subscribe(t, f, nil)
		done := work(out, func(m *message.Message) { m.Ack() })
		pass(time.Second)
		if got, want := f.log(), []string{"delete 2", "delete 1"}; !slices.Equal(got, want) || len(f.messages("work")) != 0 {
			t.Errorf("calls %v, want %v", got, want)
		}
		_ = c.Close()
		done.Wait()
	})
}

func TestCloseWithUnreadMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSQS()
		f.put("work", "a", "b", "c", "d")
		c, out := subscribe(t, f, nil)
		synctest.Wait() // all four are received; the channel has no reader
		start := time.Now()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("Close took %s", d)
		}
		if _, open := <-out; open {
			t.Error("the channel is open after Close")
		}
		for _, m := range f.messages("work") {
			if m.visibleAt.After(time.Now()) {
				t.Errorf("message %s is still hidden: it was not released", m.body)
			}
		}
		if _, err := c.Subscribe(t.Context(), "work"); !errors.Is(err, ErrClosed) {
			t.Errorf("Subscribe after Close: %v", err)
		}
	})
}

func TestCloseWaitsForTheGraceThenReleasesMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSQS()
		f.put("work", "quick", "slow", "stuck")
		c, out := subscribe(t, f, func(c *ConsumerConfig) { c.Grace = 10 * time.Second })
		done := work(out, func(m *message.Message) {
			switch string(m.Payload) {
			case "quick":
				time.Sleep(5 * time.Second)
				m.Ack()
			case "slow": // waits for the end of its context
				<-m.Context().Done()
				Release(m)
			case "stuck":
				time.Sleep(time.Hour)
				m.Ack()
			}
		})
		synctest.Wait()
		start := time.Now()
		_ = c.Close()
		if d := time.Since(start); d < 10*time.Second || d > 12*time.Second {
			t.Errorf("Close took %s, want 10 s (the grace) to 12 s", d)
		}
		left := f.messages("work")
		if len(left) != 2 {
			t.Fatalf("remaining: %v, want slow and stuck", left)
		}
		for _, m := range left {
			if m.visibleAt.After(time.Now()) {
				t.Errorf("message %s is still hidden", m.body)
			}
		}
		done.Wait()
	})
}

func TestSubscriptionEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSQS()
		c, _ := NewConsumer(ConsumerConfig{Client: f, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		out, err := c.Subscribe(ctx, "work")
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, open := <-out; open {
			t.Error("received a message from an empty queue")
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSQS()
		for i := range 40 {
			f.put("work", fmt.Sprint(i))
		}
		var mu sync.Mutex
		now, most := 0, 0
		c, out := subscribe(t, f, func(c *ConsumerConfig) { c.Pollers, c.Concurrency = 4, 7 })
		done := work(out, func(m *message.Message) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			m.Ack()
		})
		pass(time.Minute)
		if most != 7 || len(f.messages("work")) != 0 {
			t.Errorf("%d at once, want 7; remaining %d", most, len(f.messages("work")))
		}
		_ = c.Close()
		done.Wait()
	})
}

func TestFailedReceiveIsRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSQS()
		failures := 3
		f.fail = func(call string) error {
			if call == "receive" && failures > 0 {
				failures--
				return errors.New("no route to host")
			}
			return nil
		}
		f.put("work", "a")
		c, out := subscribe(t, f, nil)
		m := <-out
		d, ok := DeliveryOf(m)
		if !ok || d.Queue != "work" || d.MessageID != "m1" || d.Receives != 1 || d.TraceHeader == "" ||
			d.SentAt.IsZero() || d.FirstReceivedAt.IsZero() {
			t.Errorf("delivery = %+v", d)
		}
		m.Ack()
		_ = c.Close()
	})
}

func TestSubscribeToAMissingQueue(t *testing.T) {
	t.Parallel()
	c, err := NewConsumer(ConsumerConfig{Client: newFakeSQS()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subscribe(t.Context(), "missing"); err == nil || !strings.Contains(err.Error(), "create the queues first") {
		t.Errorf("error = %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := NewConsumer(ConsumerConfig{}); err == nil {
		t.Error("NewConsumer accepts a nil client")
	}
	if _, err := NewConsumer(ConsumerConfig{Client: newFakeSQS(), Visibility: time.Second}); err == nil {
		t.Error("NewConsumer accepts a visibility that is too short to renew")
	}
}

// slowResponse delays the response to a receive, as a network does.
type slowResponse struct {
	*fakeSQS
	delay time.Duration
}

func (s slowResponse) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, o ...func(*sqs.Options)) (
	*sqs.ReceiveMessageOutput, error,
) {
	out, err := s.fakeSQS.ReceiveMessage(ctx, in, o...)
	select {
	case <-time.After(s.delay):
		return out, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestCloseDoesNotCancelAReceiveWhoseResponseIsOnItsWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSQS()
		f.put("work", "a", "b")
		c, out := subscribe(t, f, func(c *ConsumerConfig) { c.Client, c.Visibility = slowResponse{f, 100 * time.Millisecond}, time.Hour })
		synctest.Wait() // SQS has the messages in flight, and the response is on its way
		_ = c.Close()
		for range out {
			t.Error("a message was sent to the channel after Close")
		}
		for _, m := range f.messages("work") {
			if m.receives != 1 || m.visibleAt.After(time.Now()) {
				t.Errorf("message %s: %d receives, hidden until %s; want one receive, and visible", m.body, m.receives, m.visibleAt)
			}
		}
	})
}

func TestCloseDoesNotWaitForAnIdlePoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := subscribe(t, newFakeSQS(), nil)
		pass(5 * time.Second)
		start := time.Now()
		_ = c.Close()
		if d := time.Since(start); d > 0 {
			t.Errorf("Close of an idle consumer took %s", d)
		}
	})
}

// A message that is put back until a time returns then, or after the longest time for which SQS hides it. That is not one of the
// receives after which the consumer gives up.
func TestPostponedMessageReturnsAtItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSQS()
		f.put("work", "early", "far")
		start := time.Now()
		c, out := subscribe(t, f, func(c *ConsumerConfig) { c.MaxReceives = 1 })
		var mu sync.Mutex
		received := map[string][]time.Duration{}
		done := work(out, func(m *message.Message) {
			mu.Lock()
			defer mu.Unlock()
			body := string(m.Payload)
			received[body] = append(received[body], time.Since(start).Round(time.Second))
			until := start.Add(map[string]time.Duration{"early": 10 * time.Minute, "far": 24 * time.Hour}[body])
			if time.Now().Before(until) {
				Postpone(m, until)
				return
			}
			m.Ack()
		})
		pass(25 * time.Hour)
		want := map[string][]time.Duration{"early": {0, 10 * time.Minute}, "far": {0, LongestWait, 2 * LongestWait, 24 * time.Hour}}
		for body, times := range want {
			if !slices.Equal(received[body], times) {
				t.Errorf("%s was received after %v, want %v", body, received[body], times)
			}
		}
		if len(f.messages("work"))+len(f.messages("dead")) != 0 {
			t.Errorf("remaining %v, dead %v", f.messages("work"), f.messages("dead"))
		}
		_ = c.Close()
		done.Wait()
	})
}

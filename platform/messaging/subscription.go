package messaging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// subscription receives from one queue until it is stopped.
type subscription struct {
	ConsumerConfig
	queueURL string
	letters  *DeadLetters // nil: no dead-letter queue
	out      chan *message.Message

	receiving context.Context // ends when no more messages are to be received
	stop      context.CancelFunc
	working   context.Context // parent of the messages' contexts; ends after the grace
	abandon   context.CancelFunc
	abandoned chan struct{} // closed when unsettled messages are to be released

	slots   chan struct{} // contains one element per unsettled message
	held    heldMessages
	deletes *batcher[*received]
	returns *batcher[delayed]
	polls   sync.WaitGroup
	handled sync.WaitGroup
}

// delayed is a message that becomes visible after a number of seconds.
type delayed struct {
	*received
	seconds int32
}

func (c *Consumer) newSubscription(ctx context.Context, queue string) (*subscription, error) {
	url, err := QueueURL(ctx, c.config.Client, queue)
	if err != nil {
		return nil, err
	}
	s := &subscription{
		ConsumerConfig: c.config, queueURL: url, out: make(chan *message.Message),
		slots: make(chan struct{}, c.config.Concurrency), abandoned: make(chan struct{}),
	}
	if c.config.DeadLetterQueue != "" {
		dead, err := QueueURL(ctx, c.config.Client, c.config.DeadLetterQueue)
		if err != nil {
			return nil, err
		}
		s.letters = &DeadLetters{Client: s.Client, QueueURL: dead, Service: s.Service, Clock: s.Clock, Timeout: s.CallTimeout}
	}
	s.Log = s.Log.With("queue", lastOf(url))
	s.receiving, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.working, s.abandon = context.WithCancel(context.WithoutCancel(ctx))
	s.held.init(s)
	s.deletes = newBatcher(s.Clock, s.Linger, s.sendDeletes)
	s.returns = newBatcher(s.Clock, s.Linger, s.sendReturns)
	return s, nil
}

// run receives until either channel is closed. It returns when every message is settled.
func (s *subscription) run(done, closing <-chan struct{}) {
	beating, stopBeating := context.WithCancel(context.Background())
	var heart sync.WaitGroup
	heart.Go(func() { s.held.beat(beating) })
	for range s.Pollers {
		s.polls.Go(s.poll)
	}

	select {
	case <-done:
	case <-closing:
	}
	s.stop()
	s.polls.Wait()
	if !s.settledWithin(s.Grace) {
		s.abandon()
		s.settledWithin(abandonTime)
		close(s.abandoned)
		s.handled.Wait()
	}
	s.abandon()
	stopBeating()
	heart.Wait()
	s.deletes.close()
	s.returns.close()
	close(s.out)
}

// abandonTime is how long a handler may take to settle its message after its context has ended.
const abandonTime = time.Second

// settledWithin waits up to d for all messages to be settled, and reports whether they are.
func (s *subscription) settledWithin(d time.Duration) bool {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var settled bool
	var waiting sync.WaitGroup
	all := make(chan struct{})
	go func() {
		s.handled.Wait()
		close(all)
	}()
	late := make(chan struct{})
	waiting.Go(func() {
		if s.Clock.Sleep(ctx, d) == nil {
			close(late)
		}
	})
	select {
	case <-all:
		settled = true
	case <-late:
	}
	cancel()
	waiting.Wait()
	return settled
}

// poll receives messages until the subscription stops: as many at a time as there are free slots, at most ten.
func (s *subscription) poll() {
	failures := 0
	for {
		n := s.takeSlots()
		if n == 0 {
			return
		}
		messages, err := s.receive(n)
		for range n - len(messages) {
			<-s.slots
		}
		if err != nil {
			if s.receiving.Err() != nil {
				return
			}
			failures++
			pause := min(100*time.Millisecond<<min(failures-1, 6), 5*time.Second)
			s.Log.Warn("receive failed; retrying", "error", err, "pause", pause.String())
			if s.Clock.Sleep(s.receiving, pause) != nil {
				return
			}
			continue
		}
		failures = 0
		for _, m := range messages {
			s.handled.Go(func() {
				defer func() { <-s.slots }()
				s.handle(m)
			})
		}
	}
}

// takeSlots waits for a free slot and takes up to nine more. It returns 0 when no more messages are to be received.
func (s *subscription) takeSlots() int {
	if s.receiving.Err() != nil {
		return 0
	}
	select {
	case <-s.receiving.Done():
		return 0
	case s.slots <- struct{}{}:
	}
	for n := 1; n < MaxBatch; n++ {
		select {
		case s.slots <- struct{}{}:
		default:
			return n
		}
	}
	return MaxBatch
}

func (s *subscription) receive(n int) ([]types.Message, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.receiving), s.Wait+s.CallTimeout)
	defer cancel()
	// Cancelling a call whose response contains messages hides these until their visibility timeout ends. SQS responds at once
	// when it has messages, so a stop cancels a call only when it is older than cancelAge.
	began := s.Clock.Now()
	defer context.AfterFunc(s.receiving, func() {
		if s.Clock.Sleep(ctx, cancelAge-s.Clock.Now().Sub(began)) == nil {
			cancel()
		}
	})()
	out, err := s.Client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &s.queueURL, MaxNumberOfMessages: int32(n),
		WaitTimeSeconds: seconds(s.Wait), VisibilityTimeout: seconds(s.Visibility),
		MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: systemAttributes,
	})
	if err != nil {
		return nil, fmt.Errorf("receive from %s: %w", lastOf(s.queueURL), err)
	}
	return out.Messages, nil
}

// cancelAge is the age from which a receive call may be cancelled.
const cancelAge = 250 * time.Millisecond

// seconds returns d in whole seconds, rounded up.
func seconds(d time.Duration) int32 { return int32((d + time.Second - 1) / time.Second) }

// handle sends one message to the channel and settles it. It has no effect on other messages (invariant 5).
func (s *subscription) handle(m types.Message) {
	r := &received{Delivery: *newDelivery(s.queueURL, m)}
	msg, err := s.Decode(m)
	if err != nil {
		s.held.add(r)
		s.reject(s.working, r, fmt.Errorf("decode the message: %w", err))
		return
	}
	ctx, cancel := context.WithTimeout(s.working, s.MaxWork)
	defer cancel()
	msg.SetContext(withDelivery(ctx, r))
	s.held.add(r)

	if s.receiving.Err() != nil { // received while stopping
		s.putBack(r, 0)
		return
	}
	select {
	case s.out <- msg:
	case <-s.receiving.Done():
		s.putBack(r, 0)
		return
	}
	select {
	case <-msg.Acked():
		s.held.remove(r)
		s.deletes.add(r)
	case <-msg.Nacked():
		s.refuse(r)
	case <-s.abandoned:
		s.Log.Warn("message not settled within the grace; it returns to its queue", "message_id", r.MessageID)
		s.putBack(r, 0)
	}
}

// refuse settles a message after a Nack, as Reject, Retry or Release requested.
func (s *subscription) refuse(r *received) {
	r.mu.Lock()
	why := r.refusal
	r.mu.Unlock()
	exhausted := s.MaxReceives > 0 && r.Receives >= s.MaxReceives
	switch {
	case why.kind == release:
		s.putBack(r, 0)
	case why.kind == postpone:
		s.putBack(r, SecondsUntil(s.Clock.Now(), why.until))
	case why.kind == reject:
		s.reject(why.context(s.working), r, why.reason)
	case exhausted:
		s.reject(why.context(s.working), r, Exhausted(r.Receives, why.reason))
	default:
		s.putBack(r, s.Backoff.Seconds(r.Tries()))
	}
}

// Exhausted returns the reason of a message that failed on its last allowed receive.
func Exhausted(receives int, last error) error {
	if last == nil {
		last = errors.New("no reason given")
	}
	return fmt.Errorf("given up after %d tries: %w", receives, last)
}

// reject sends the dead letter, and deletes the message only after SQS accepted the letter (invariant 5).
func (s *subscription) reject(ctx context.Context, r *received, reason error) {
	log := s.Log.With("message_id", r.MessageID, "receives", r.Receives)
	if s.letters == nil {
		log.WarnContext(ctx, "message rejected, but there is no dead-letter queue; retrying", "reason", Reason(reason))
		s.putBack(r, s.Backoff.Seconds(r.Receives))
		return
	}
	if err := s.letters.Send(ctx, &r.Delivery, reason); err != nil {
		log.ErrorContext(ctx, "dead letter not sent; retrying", "error", err, "reason", Reason(reason))
		s.putBack(r, s.Backoff.Seconds(r.Receives))
		return
	}
	log.WarnContext(ctx, "message sent to the dead-letter queue", "reason", Reason(reason))
	s.held.remove(r)
	s.deletes.add(r)
}

// putBack returns a message to its queue after a number of seconds.
func (s *subscription) putBack(r *received, after int32) {
	s.held.remove(r)
	s.returns.add(delayed{r, after})
}

// entryTries is the maximum number of tries for one batch entry that fails with a server fault.
const entryTries = 3

// sendDeletes deletes messages. A message that is not deleted is received again, which its receipt makes harmless.
func (s *subscription) sendDeletes(batch []*received) {
	for try := 1; len(batch) > 0; try++ {
		receipts := make([]string, len(batch))
		for i, r := range batch {
			receipts[i] = r.ReceiptHandle
		}
		ctx, cancel := context.WithTimeout(context.Background(), s.CallTimeout)
		errs := deleteMessages(ctx, s.Client, s.queueURL, receipts)
		cancel()
		batch = retryable(s.Log, try, batch, errs, "handled message not deleted; it will be received again")
	}
}

// sendReturns changes the visibility of messages. A message whose change fails returns at the end of its visibility.
func (s *subscription) sendReturns(batch []delayed) {
	s.held.calls.Lock() // after a renewal in progress, which would otherwise hide the message again
	defer s.held.calls.Unlock()
	for try := 1; len(batch) > 0; try++ {
		changes := make([]VisibilityChange, len(batch))
		for i, c := range batch {
			changes[i] = VisibilityChange{c.ReceiptHandle, c.seconds}
		}
		ctx, cancel := context.WithTimeout(context.Background(), s.CallTimeout)
		errs := changeVisibility(ctx, s.Client, s.queueURL, changes)
		cancel()
		batch = retryable(s.Log, try, batch, errs, "message not returned to its queue; it returns at the end of its visibility")
	}
}

// retryable returns the items to send again, and logs the others that failed.
func retryable[T interface{ id() string }](log *slog.Logger, try int, batch []T, errs map[int]error, failure string) []T {
	var retry []T
	for i, item := range batch {
		err := errs[i]
		if err == nil {
			continue
		}
		var refused *refusedError
		// The SDK has already retried a call that failed as a whole.
		if try < entryTries && errors.As(err, &refused) && !refused.senderFault {
			retry = append(retry, item)
			continue
		}
		log.Warn(failure, "message_id", item.id(), "error", err)
	}
	return retry
}

func (r *received) id() string { return r.MessageID }

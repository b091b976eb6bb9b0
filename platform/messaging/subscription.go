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
	letters  *DeadLetters // nil: none
	out      chan *message.Message

	receiving context.Context // ends when no more is to be received
	stop      context.CancelFunc
	working   context.Context // parent of the messages' contexts; ends after the grace
	abandon   context.CancelFunc
	abandoned chan struct{} // closed when unanswered messages are to be released

	slots   chan struct{} // one for each message received and not yet answered
	held    heldMessages
	deletes *batcher[*received]
	changes *batcher[change]
	polls   sync.WaitGroup
	handled sync.WaitGroup
}

// change is a message to be put back after so many seconds.
type change struct {
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
	s.deletes = newBatcher(s.Clock, s.Linger, s.delete)
	s.changes = newBatcher(s.Clock, s.Linger, s.putBack)
	return s, nil
}

// run receives until either channel is closed, and returns when nothing is left under way.
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
	if !s.answeredWithin(s.Grace) {
		s.abandon()
		s.answeredWithin(abandonTime)
		close(s.abandoned)
		s.handled.Wait()
	}
	s.abandon()
	stopBeating()
	heart.Wait()
	s.deletes.close()
	s.changes.close()
	close(s.out)
}

// abandonTime is what a handler gets to answer after its context has ended.
const abandonTime = time.Second

func (s *subscription) answeredWithin(d time.Duration) bool {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var answered bool
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
		answered = true
	case <-late:
	}
	cancel()
	waiting.Wait()
	return answered
}

// poll receives as many messages as there are free slots, ten at the most, again and again.
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
			s.Log.Warn("receiving failed; trying again", "error", err, "pause", pause.String())
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

// takeSlots waits for a free slot and takes up to nine more. It answers 0 when nothing more is to be received.
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
	// An answer under way when the call is broken off is lost: its messages are nobody's until their visibility is
	// over. So a stop leaves a young call the time in which SQS answers when it has messages; an old one has none.
	began := s.Clock.Now()
	defer context.AfterFunc(s.receiving, func() {
		if s.Clock.Sleep(ctx, settle-s.Clock.Now().Sub(began)) == nil {
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

// settle is the age at which a receive call may be broken off.
const settle = 250 * time.Millisecond

func seconds(d time.Duration) int32 { return int32((d + time.Second - 1) / time.Second) }

// handle hands one message out and acts on the answer. Nothing in it touches another message (invariant 5).
func (s *subscription) handle(m types.Message) {
	r := &received{Delivery: *newDelivery(s.queueURL, m)}
	msg, err := s.Decode(m)
	if err != nil {
		s.held.add(r)
		s.reject(s.working, r, fmt.Errorf("not a message that can be read: %w", err))
		return
	}
	ctx, cancel := context.WithTimeout(s.working, s.MaxWork)
	defer cancel()
	msg.SetContext(withDelivery(ctx, r))
	s.held.add(r)

	if s.receiving.Err() != nil { // received while stopping
		s.answer(r, 0)
		return
	}
	select {
	case s.out <- msg:
	case <-s.receiving.Done():
		s.answer(r, 0)
		return
	}
	select {
	case <-msg.Acked():
		s.held.remove(r)
		s.deletes.add(r)
	case <-msg.Nacked():
		s.refuse(r)
	case <-s.abandoned:
		s.Log.Warn("a message was not answered within the grace; it goes back to its queue", "message_id", r.MessageID)
		s.answer(r, 0)
	}
}

// refuse acts on a Nack, with what Reject, Retry or Release said of it.
func (s *subscription) refuse(r *received) {
	r.mu.Lock()
	v := r.verdict
	r.mu.Unlock()
	exhausted := s.MaxReceives > 0 && r.Receives >= s.MaxReceives
	switch {
	case v.kind == release:
		s.answer(r, 0)
	case v.kind == reject:
		s.reject(v.context(s.working), r, v.reason)
	case exhausted:
		s.reject(v.context(s.working), r, Exhausted(r.Receives, v.reason))
	default:
		s.answer(r, s.Backoff.Seconds(r.Receives))
	}
}

// Exhausted is the reason of a message given up after so many receives.
func Exhausted(receives int, last error) error {
	if last == nil {
		last = errors.New("no reason was given")
	}
	return fmt.Errorf("given up after %d tries: %w", receives, last)
}

// reject sends the dead letter and deletes the message only when SQS has taken it (invariant 5).
func (s *subscription) reject(ctx context.Context, r *received, reason error) {
	log := s.Log.With("message_id", r.MessageID, "receives", r.Receives)
	if s.letters == nil {
		log.WarnContext(ctx, "a message is rejected but there is no dead-letter queue", "reason", Reason(reason))
		s.answer(r, s.Backoff.Seconds(r.Receives))
		return
	}
	if err := s.letters.Send(ctx, &r.Delivery, reason); err != nil {
		log.ErrorContext(ctx, "no dead letter could be sent", "error", err, "reason", Reason(reason))
		s.answer(r, s.Backoff.Seconds(r.Receives))
		return
	}
	log.WarnContext(ctx, "message sent to the dead-letter queue", "reason", Reason(reason))
	s.held.remove(r)
	s.deletes.add(r)
}

// answer puts a message back after so many seconds.
func (s *subscription) answer(r *received, after int32) {
	s.held.remove(r)
	s.changes.add(change{r, after})
}

// entryTries is how often a batch entry that SQS refused by a fault of its own is sent.
const entryTries = 3

// delete deletes messages. One that cannot be deleted will be received again, which its receipt makes harmless.
func (s *subscription) delete(batch []*received) {
	for try := 1; len(batch) > 0; try++ {
		receipts := make([]string, len(batch))
		for i, r := range batch {
			receipts[i] = r.ReceiptHandle
		}
		ctx, cancel := context.WithTimeout(context.Background(), s.CallTimeout)
		errs := deleteMessages(ctx, s.Client, s.queueURL, receipts)
		cancel()
		batch = again(s.Log, try, batch, errs, "a handled message was not deleted and will come again")
	}
}

// putBack changes the visibility of messages. One that cannot be changed comes back when its visibility is over.
func (s *subscription) putBack(batch []change) {
	s.held.calls.Lock() // after any renewal under way, which would otherwise hide the message again
	defer s.held.calls.Unlock()
	for try := 1; len(batch) > 0; try++ {
		changes := make([]Rest, len(batch))
		for i, c := range batch {
			changes[i] = Rest{c.ReceiptHandle, c.seconds}
		}
		ctx, cancel := context.WithTimeout(context.Background(), s.CallTimeout)
		errs := changeVisibility(ctx, s.Client, s.queueURL, changes)
		cancel()
		batch = again(s.Log, try, batch, errs, "a message was not put back and will come when its visibility is over")
	}
}

// again picks the items worth another try and logs those that are not.
func again[T interface{ id() string }](log *slog.Logger, try int, batch []T, errs map[int]error, otherwise string) []T {
	var retry []T
	for i, item := range batch {
		err := errs[i]
		if err == nil {
			continue
		}
		var refused *refusedError
		// A whole call that failed has been retried by the SDK already.
		if try < entryTries && errors.As(err, &refused) && !refused.ours {
			retry = append(retry, item)
			continue
		}
		log.Warn(otherwise, "message_id", item.id(), "error", err)
	}
	return retry
}

func (r *received) id() string { return r.MessageID }

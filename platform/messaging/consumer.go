package messaging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/platform/clock"
)

// ConsumerConfig configures a Consumer. Only Client is required.
type ConsumerConfig struct {
	Client  SQS
	Service string // name of the consuming service; it is an attribute of its dead letters

	// DeadLetterQueue is the name or URL of the queue for rejected messages. If it is empty, rejected messages are retried
	// like others, until the queue's own redrive policy moves them.
	DeadLetterQueue string

	Pollers     int           // concurrent receive calls; default 2
	Concurrency int           // maximum number of unsettled messages; default 10
	Wait        time.Duration // duration of the long poll; default and maximum 20 s
	Visibility  time.Duration // visibility timeout, extended while a message is handled; default 30 s
	MaxWork     time.Duration // maximum handling time; then a message's context and the extension of its visibility end; default 15 min
	MaxReceives int           // a message that fails on this receive is rejected; 0: never
	Backoff     Backoff       // delay of a failed message; default DefaultBackoff
	Grace       time.Duration // time that Close allows for messages in progress; default 25 s
	CallTimeout time.Duration // of one SQS call, in addition to Wait; default DefaultCallTimeout
	Linger      time.Duration // time that an acknowledgement waits for others, to be sent with them; default 2 ms

	// Decode converts a message of SQS to one of watermill. A message that it returns an error for is rejected. Default: Decode.
	Decode func(types.Message) (*message.Message, error)

	Clock clock.Clock  // default clock.System
	Log   *slog.Logger // default slog.Default()
}

// Consumer is a watermill Subscriber for SQS.
//
// The consumer receives a message in a batch with up to nine others and sends it to the channel. Until the message is settled,
// its visibility is extended whenever half of it has passed. To settle a message is to acknowledge it (delete it), release it
// (return it to the queue at once), retry it (return it after the backoff), or reject it (send it to the dead-letter queue,
// then delete it).
type Consumer struct {
	config ConsumerConfig

	mu      sync.Mutex
	closed  bool
	closing chan struct{}
	running sync.WaitGroup
}

var _ message.Subscriber = (*Consumer)(nil)

// ErrClosed is returned by Subscribe after Close.
var ErrClosed = errors.New("the consumer is closed")

// NewConsumer returns a consumer. It checks the configuration and applies the defaults.
func NewConsumer(c ConsumerConfig) (*Consumer, error) {
	if c.Client == nil {
		return nil, errors.New("make a consumer: ConsumerConfig.Client is nil")
	}
	c.Pollers = positive(c.Pollers, 2)
	c.Concurrency = positive(c.Concurrency, MaxBatch)
	c.Wait = min(positive(c.Wait, 20*time.Second), 20*time.Second)
	c.Visibility = positive(c.Visibility, 30*time.Second)
	if c.Visibility < 2*time.Second || c.Visibility > longestVisibility {
		return nil, fmt.Errorf("make a consumer: the visibility is %s; use 2 s to 12 h", c.Visibility)
	}
	c.MaxWork = positive(c.MaxWork, 15*time.Minute)
	c.Grace = positive(c.Grace, 25*time.Second)
	c.CallTimeout = positive(c.CallTimeout, DefaultCallTimeout)
	c.Linger = positive(c.Linger, 2*time.Millisecond)
	if c.Backoff.First == 0 && c.Backoff.Max == 0 {
		random := c.Backoff.Random
		c.Backoff = DefaultBackoff
		c.Backoff.Random = random
	}
	if c.Decode == nil {
		c.Decode = Decode
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Consumer{config: c, closing: make(chan struct{})}, nil
}

// positive returns v if it is positive, else otherwise.
func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Subscribe starts to receive from a queue, given by name or URL. The consumer stops when ctx ends or Close is called. It
// closes the channel when every message is settled, or released after the grace period.
func (c *Consumer) Subscribe(ctx context.Context, queue string) (<-chan *message.Message, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	c.running.Add(1)
	c.mu.Unlock()

	s, err := c.newSubscription(ctx, queue)
	if err != nil {
		c.running.Done()
		return nil, err
	}
	go func() {
		defer c.running.Done()
		s.run(ctx.Done(), c.closing)
	}()
	return s.out, nil
}

// Close stops receiving, waits up to the grace period for messages in progress, releases the others and returns. It never waits for
// a reader of the channel. It may be called more than once, and concurrently.
func (c *Consumer) Close() error {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.closing)
	}
	c.mu.Unlock()
	c.running.Wait()
	return nil
}

// UUIDAttribute is the attribute that contains watermill's message id. Llac's events do not use it: their id is in the envelope.
const UUIDAttribute = "_watermill_message_uuid"

// Decode converts a message of SQS to one of watermill. String attributes become metadata. The id is watermill's if it was
// sent, else SQS's. A message without a body is an error.
func Decode(m types.Message) (*message.Message, error) {
	if m.Body == nil || *m.Body == "" {
		return nil, errors.New("the message has no body")
	}
	var id string
	if m.MessageId != nil {
		id = *m.MessageId
	}
	metadata := make(message.Metadata, len(m.MessageAttributes))
	for name, a := range m.MessageAttributes {
		if a.StringValue == nil {
			continue
		}
		if name == UUIDAttribute {
			id = *a.StringValue
			continue
		}
		metadata[name] = *a.StringValue
	}
	out := message.NewMessage(id, message.Payload(*m.Body))
	out.Metadata = metadata
	return out, nil
}

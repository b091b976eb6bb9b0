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
	Service string // who consumes; dead letters say so

	// DeadLetterQueue is the name or URL of the queue for rejected messages. Empty: rejected messages are retried
	// like others, until the queue's own redrive policy takes them.
	DeadLetterQueue string

	Pollers     int           // calls that wait for messages at once; default 2
	Concurrency int           // messages handed out and not yet answered; default 10
	Wait        time.Duration // long poll; default and at most 20 s
	Visibility  time.Duration // a message not renewed for so long is somebody else's; whole seconds, default 30 s
	MaxWork     time.Duration // after so long a message's context ends and it is renewed no more; default 15 min
	MaxReceives int           // a message that fails on this receive is rejected; 0: never
	Backoff     Backoff       // rest of a failed message; default DefaultBackoff
	Grace       time.Duration // what Close gives messages under way to be answered; default 25 s
	CallTimeout time.Duration // of one SQS call besides Wait; default DefaultCallTimeout
	Linger      time.Duration // how long an acknowledgement waits for others before it is sent; default 2 ms

	// Decode makes a watermill message of SQS's; a message it refuses is rejected, alone. Default: Decode.
	Decode func(types.Message) (*message.Message, error)

	Clock clock.Clock  // default clock.System
	Log   *slog.Logger // default slog.Default()
}

// Consumer is watermill's Subscriber over real SQS calls.
//
// The life of a message: received in a batch with up to nine others, handed out through the channel, its visibility
// renewed at half its time for as long as it is unanswered, then acknowledged (deleted), released (back at once),
// retried (back after the backoff) or rejected (sent to the dead-letter queue, then deleted).
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

// NewConsumer checks the configuration and fills in its defaults.
func NewConsumer(c ConsumerConfig) (*Consumer, error) {
	if c.Client == nil {
		return nil, errors.New("messaging: a consumer needs a client of SQS")
	}
	c.Pollers = positive(c.Pollers, 2)
	c.Concurrency = positive(c.Concurrency, MaxBatch)
	c.Wait = min(positive(c.Wait, 20*time.Second), 20*time.Second)
	c.Visibility = positive(c.Visibility, 30*time.Second)
	if c.Visibility < 2*time.Second || c.Visibility > longestVisibility {
		return nil, fmt.Errorf("messaging: a visibility of %s cannot be used; give between 2 s and 12 h", c.Visibility)
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

func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Subscribe starts to receive from a queue, named or by URL. The channel is closed when ctx ends or Close is called,
// and by then every message handed out has been answered, or released after the grace.
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

// Close stops receiving, waits up to the grace for messages under way, releases the rest and returns. It never waits
// for a reader of the channel. It may be called more than once, and at once.
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

// UUIDAttribute is the attribute in which watermill-aws carries a message's own id. Our events do not use it: their
// id is in the envelope.
const UUIDAttribute = "_watermill_message_uuid"

// Decode makes a watermill message of SQS's: text attributes become metadata, the id is watermill's where it was
// sent, else SQS's. A message without a body is refused.
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

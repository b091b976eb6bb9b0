package runtime

import (
	"context"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/telemetry"
)

// Options configure where and how a service runs. AWS, Env and Ports are required; Log, Metrics, Clock and Failpoint of Ports
// are optional.
type Options struct {
	AWS   aws.Config
	Env   string
	Ports Ports

	QueueURL      string // default: found by the queue's name
	DeadLetterURL string // default: found by the queue's name
	TopicARN      string // default: the topic of the service's name in the queue's account and region

	Telemetry   *telemetry.Telemetry // default: logs to standard error, exports nothing
	Pollers     int                  // receive requests at once; default 2
	Concurrency int                  // events handled at once; default 10
	Visibility  time.Duration        // visibility timeout of a message, renewed while it is handled; default 30 s
	Timeout     time.Duration        // time to handle one event; default 15 min, Lambda's maximum
	Grace       time.Duration        // time to finish events in progress when ctx ends; default 25 s
	MaxReceives int                  // tries before giving up; default messaging.DefaultMaxReceives
	Backoff     messaging.Backoff    // delays between tries; default messaging.DefaultBackoff

	// Receiving is called once, when the service has started to receive; may be nil.
	Receiving func()
}

func (o *Options) fill(ctx context.Context, s Service) error {
	if err := s.Check(); err != nil {
		return err
	}
	if o.Telemetry == nil {
		t, err := telemetry.Setup(ctx, telemetry.Config{Service: s.Name, Env: o.Env, Build: o.Ports.Build, Series: s.AllSeries()})
		if err != nil {
			return err
		}
		o.Telemetry = t
	}
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Minute
	}
	if o.MaxReceives <= 0 {
		o.MaxReceives = messaging.DefaultMaxReceives
	}
	if o.Concurrency <= 0 {
		o.Concurrency = messaging.MaxBatch
	}
	if o.Backoff.First == 0 && o.Backoff.Max == 0 {
		o.Backoff = messaging.DefaultBackoff
	}
	o.Ports.fill(o.Telemetry)
	return nil
}

// connected is a service with its worker and the clients and addresses of its queues and its topic.
type connected struct {
	Options
	worker  *worker
	client  *sqs.Client
	letters messaging.DeadLetters
}

// connect finds the service's queue, dead-letter queue and topic and creates its worker.
func connect(ctx context.Context, s Service, o Options) (*connected, error) {
	if err := o.fill(ctx, s); err != nil {
		return nil, err
	}
	client := sqs.NewFromConfig(o.AWS)
	if o.Ports.DeadLetters == nil {
		o.Ports.DeadLetters = messaging.DeadLetterQueues{Client: client, Env: o.Env}
	}
	var err error
	if o.QueueURL == "" {
		if o.QueueURL, err = messaging.QueueURL(ctx, client, messaging.QueueName(o.Env, s.Name)); err != nil {
			return nil, err
		}
	}
	if o.DeadLetterURL == "" {
		if o.DeadLetterURL, err = messaging.QueueURL(ctx, client, messaging.DeadLetterQueueName(o.Env, s.Name)); err != nil {
			return nil, err
		}
	}
	if o.TopicARN == "" {
		queue, err := messaging.QueueARN(ctx, client, o.QueueURL)
		if err != nil {
			return nil, err
		}
		if o.TopicARN, err = messaging.TopicARN(queue, messaging.TopicName(o.Env, s.Name)); err != nil {
			return nil, err
		}
	}
	publisher, err := messaging.NewPublisher(messaging.PublisherConfig{AWS: o.AWS, Tracer: o.Telemetry.Tracer})
	if err != nil {
		return nil, err
	}
	return &connected{
		Options: o, client: client,
		letters: messaging.DeadLetters{Client: client, QueueURL: o.DeadLetterURL, Service: s.Name, Clock: o.Ports.Clock},
		worker: &worker{
			service: s, ports: o.Ports, handle: s.New.Handler(o.Ports), tracer: o.Telemetry.Tracer, maxReceives: o.MaxReceives,
			publish: func(ctx context.Context, out []events.Event) error {
				return publisher.PublishEvents(ctx, o.TopicARN, out)
			},
		},
	}, nil
}

// Run consumes the service's queue until ctx ends. Then it stops receiving, waits up to Grace for events in progress, returns
// the other messages to the queue, and returns nil.
func Run(ctx context.Context, s Service, o Options) error {
	c, err := connect(ctx, s, o)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	consumer, err := messaging.NewConsumer(messaging.ConsumerConfig{
		Client: c.client, Service: s.Name, DeadLetterQueue: c.DeadLetterURL,
		Pollers: c.Pollers, Concurrency: c.Concurrency, Visibility: c.Visibility, Grace: c.Grace, Backoff: c.Backoff,
		MaxWork:     c.Timeout + giveUpTime, // the message also stays invisible while the worker gives up on it
		MaxReceives: 0,                      // no limit: the worker applies it, because it must record the failure first
		Clock:       c.Ports.Clock, Log: c.Ports.Log,
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	messages, err := consumer.Subscribe(ctx, c.QueueURL)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	c.Ports.Log.InfoContext(ctx, "receiving", "build", c.Ports.Build, "queue_url", c.QueueURL)
	if c.Receiving != nil {
		c.Receiving()
	}
	// The channel closes after ctx ends and every message is settled. A message that is still in work after the grace
	// period returns to the queue.
	for m := range messages {
		go c.consume(m)
	}
	c.Ports.Log.Info("stopped")
	return consumer.Close()
}

func (c *connected) consume(m *message.Message) {
	d, ok := messaging.DeliveryOf(m)
	if !ok {
		m.Nack()
		return
	}
	ctx, cancel := context.WithTimeout(m.Context(), c.Timeout)
	defer cancel()
	ctx, what, err := c.worker.work(ctx, d)
	m.SetContext(ctx) // so that a dead letter carries the trace
	switch what {
	case done, ignored:
		m.Ack()
	case again:
		messaging.Retry(m, err)
	case later:
		until, _ := NotBefore(err)
		messaging.Postpone(m, until)
	case dead:
		messaging.Reject(m, err)
	case release:
		messaging.Release(m)
	}
}

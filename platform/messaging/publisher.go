package messaging

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wsns "github.com/ThreeDotsLabs/watermill-aws/sns"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/llac-project/llac/events"
)

// The attributes of Llac's SNS messages. Subscriptions filter on the type.
const (
	AttributeType    = "type"    // the event type
	AttributeDataset = "dataset" // the event's subject, if it has one
)

// PublisherConfig configures a Publisher. Only AWS is required.
type PublisherConfig struct {
	AWS aws.Config
	// TopicARN returns the ARN of a topic name that is given to Publish. Default: topics are given by ARN.
	TopicARN func(topic string) (string, error)
	// CarryUUID adds watermill's message id as an attribute, for messages that are not events.
	CarryUUID bool
	Timeout   time.Duration // of one call, with its retries; default DefaultCallTimeout
	Tracer    trace.Tracer  // default: none
}

// Publisher is a watermill Publisher for SNS. It uses watermill-aws's publisher, which ignores the context of a message.
// Publisher ends the call when that context ends, and sends the context's span as X-Ray's header.
type Publisher struct {
	sns    *wsns.Publisher
	tracer trace.Tracer
	closed atomic.Bool
}

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher returns a publisher. It does not create topics; Deploy or Terraform does.
func NewPublisher(c PublisherConfig) (*Publisher, error) {
	if c.Timeout <= 0 {
		c.Timeout = DefaultCallTimeout
	}
	if c.Tracer == nil {
		c.Tracer = noop.NewTracerProvider().Tracer("")
	}
	if c.TopicARN == nil {
		c.TopicARN = func(topic string) (string, error) { return topic, nil }
	}
	contexts := newCallContexts(c.Timeout)
	inner, err := wsns.NewPublisher(wsns.PublisherConfig{
		AWSConfig:                   c.AWS,
		OptFns:                      []func(*sns.Options){contexts.install},
		DoNotCreateTopicIfNotExists: true,
		TopicResolver:               topicResolver(c.TopicARN),
		Marshaler:                   marshaler{carryUUID: c.CarryUUID, contexts: contexts},
	}, watermill.NopLogger{}) // a logger would receive whole messages; errors are returned
	if err != nil {
		return nil, fmt.Errorf("make a publisher: %w", err)
	}
	return &Publisher{sns: inner, tracer: c.Tracer}, nil
}

// Publish sends messages one after another and returns the first error.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		if err := p.send(topic, m); err != nil {
			return err
		}
	}
	return nil
}

// PublishEvents publishes events in order. After an error the caller does not know which events were sent. It must send all of
// them again: their ids are the same, so that consumers handle each once (invariant 1).
func (p *Publisher) PublishEvents(ctx context.Context, topic string, list []events.Event) error {
	for _, e := range list {
		body, err := e.Marshal()
		if err != nil {
			return fmt.Errorf("encode event %s: %w", e.ID, err)
		}
		m := message.NewMessageWithContext(ctx, e.ID, body)
		m.Metadata.Set(AttributeType, e.Type)
		if e.Subject != "" {
			m.Metadata.Set(AttributeDataset, e.Subject)
		}
		if err := p.send(topic, m, attribute.String("messaging.message.conversation_id", e.CorrelationID),
			attribute.String("cloudevents.event_type", e.Type), attribute.String("cloudevents.event_id", e.ID)); err != nil {
			return fmt.Errorf("publish %s %s: %w", e.Type, e.ID, err)
		}
	}
	return nil
}

func (p *Publisher) send(topic string, m *message.Message, attributes ...attribute.KeyValue) error {
	if p.closed.Load() {
		return errors.New("the publisher is closed")
	}
	caller := m.Context()
	if err := caller.Err(); err != nil {
		return fmt.Errorf("publish to %s: %w", lastOf(topic), err)
	}
	ctx, span := p.tracer.Start(caller, "send "+lastOf(topic), trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("messaging.system", "aws.sns"), attribute.String("messaging.operation.type", "send"),
		attribute.String("messaging.destination.name", lastOf(topic))), trace.WithAttributes(attributes...))
	defer span.End()
	m.SetContext(ctx)
	defer m.SetContext(caller)
	err := p.sns.Publish(topic, m)
	if err != nil {
		span.SetStatus(codes.Error, "not accepted by SNS")
	}
	return err
}

// Close makes later calls fail. It does not wait for calls in progress.
func (p *Publisher) Close() error {
	p.closed.Store(true)
	return p.sns.Close()
}

type topicResolver func(string) (string, error)

func (r topicResolver) ResolveTopic(_ context.Context, topic string) (wsns.TopicArn, error) {
	arn, err := r(topic)
	return wsns.TopicArn(arn), err
}

// marshaler sends a message's metadata as String attributes and nothing else. The trace context is in the envelope.
type marshaler struct {
	carryUUID bool
	contexts  *callContexts
}

func (m marshaler) Marshal(topic wsns.TopicArn, msg *message.Message) *sns.PublishInput {
	in := &sns.PublishInput{
		TopicArn: aws.String(string(topic)), Message: aws.String(string(msg.Payload)),
		MessageAttributes: make(map[string]types.MessageAttributeValue, len(msg.Metadata)+1),
	}
	for name, value := range msg.Metadata {
		if value != "" { // SNS refuses empty values
			in.MessageAttributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
		}
	}
	if m.carryUUID && msg.UUID != "" {
		in.MessageAttributes[UUIDAttribute] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(msg.UUID)}
	}
	m.contexts.put(in, msg.Context())
	return in
}

package messaging

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Delivery is what SQS says of a message on one receive, besides its body.
type Delivery struct {
	Queue           string // its name
	MessageID       string // SQS's; another one after a redrive
	ReceiptHandle   string
	Body            string
	Attributes      map[string]types.MessageAttributeValue
	Receives        int       // how often it has been received, this time included; at least 1
	SentAt          time.Time // UTC; zero where SQS did not say
	FirstReceivedAt time.Time // UTC; zero where SQS did not say
	TraceHeader     string    // X-Ray's header as AWSTraceHeader carries it
}

// systemAttributes are asked for with every receive.
var systemAttributes = []types.MessageSystemAttributeName{
	types.MessageSystemAttributeNameApproximateReceiveCount,
	types.MessageSystemAttributeNameSentTimestamp,
	types.MessageSystemAttributeNameApproximateFirstReceiveTimestamp,
	types.MessageSystemAttributeNameAWSTraceHeader,
}

// newDelivery reads a message received by the SDK.
func newDelivery(queueURL string, m types.Message) *Delivery {
	d := &Delivery{
		Queue: lastOf(queueURL), MessageID: aws.ToString(m.MessageId), ReceiptHandle: aws.ToString(m.ReceiptHandle),
		Body: aws.ToString(m.Body), Attributes: m.MessageAttributes,
	}
	d.system(m.Attributes)
	return d
}

// LambdaDelivery reads a record that an event source mapping handed to a function.
func LambdaDelivery(m events.SQSMessage) *Delivery {
	d := &Delivery{
		Queue: lastOf(m.EventSourceARN), MessageID: m.MessageId, ReceiptHandle: m.ReceiptHandle, Body: m.Body,
		Attributes: make(map[string]types.MessageAttributeValue, len(m.MessageAttributes)),
	}
	for name, a := range m.MessageAttributes {
		d.Attributes[name] = types.MessageAttributeValue{DataType: aws.String(a.DataType), StringValue: a.StringValue, BinaryValue: a.BinaryValue}
	}
	d.system(m.Attributes)
	return d
}

func (d *Delivery) system(attributes map[string]string) {
	d.Receives, _ = strconv.Atoi(attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	d.Receives = max(d.Receives, 1)
	d.SentAt = milliseconds(attributes[string(types.MessageSystemAttributeNameSentTimestamp)])
	d.FirstReceivedAt = milliseconds(attributes[string(types.MessageSystemAttributeNameApproximateFirstReceiveTimestamp)])
	d.TraceHeader = attributes[string(types.MessageSystemAttributeNameAWSTraceHeader)]
}

func milliseconds(s string) time.Time {
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// verdict is what a handler has said of a message beyond watermill's ack and nack.
type verdict struct {
	kind   verdictKind
	reason error
	ctx    context.Context // the message's at that time: it names the trace
}

func (v verdict) context(otherwise context.Context) context.Context {
	if v.ctx == nil {
		return otherwise
	}
	return v.ctx
}

type verdictKind int

const (
	retry   verdictKind = iota // the zero value: what a plain Nack means
	reject                     // no retry will help
	release                    // nothing was tried
)

type received struct {
	Delivery
	mu      sync.Mutex
	verdict verdict
}

type deliveryKey struct{}

// DeliveryOf returns what SQS said of a message that a Consumer handed out.
func DeliveryOf(m *message.Message) (*Delivery, bool) {
	r, ok := m.Context().Value(deliveryKey{}).(*received)
	if !ok {
		return nil, false
	}
	return &r.Delivery, true
}

// Reject refuses a message for good: it goes to the dead-letter queue with the reason, and is then deleted. It
// answers false when the message is acknowledged already.
func Reject(m *message.Message, reason error) bool {
	return decide(m, verdict{kind: reject, reason: reason})
}

// Retry refuses a message for now: it comes back after the backoff. When it has been received MaxReceives times it
// goes to the dead-letter queue with the reason instead.
func Retry(m *message.Message, reason error) bool {
	return decide(m, verdict{kind: retry, reason: reason})
}

// Release puts a message back at once: nothing was tried with it.
func Release(m *message.Message) bool { return decide(m, verdict{kind: release}) }

func decide(m *message.Message, v verdict) bool {
	if r, ok := m.Context().Value(deliveryKey{}).(*received); ok {
		r.mu.Lock()
		v.ctx = m.Context()
		r.verdict = v
		r.mu.Unlock()
	}
	return m.Nack()
}

func withDelivery(ctx context.Context, r *received) context.Context {
	return context.WithValue(ctx, deliveryKey{}, r)
}

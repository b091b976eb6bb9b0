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

// Delivery is one receive of a message, as SQS reports it.
type Delivery struct {
	Queue           string // name
	MessageID       string // SQS's; a replayed message has a new one
	ReceiptHandle   string
	Body            string
	Attributes      map[string]types.MessageAttributeValue
	Receives        int       // number of receives, including this one; at least 1
	Waits           int       // how many of them only put the message back until a time; the consumer of the channel sets it
	SentAt          time.Time // UTC; zero if SQS does not report it
	FirstReceivedAt time.Time // UTC; zero if SQS does not report it
	TraceHeader     string    // X-Ray's header, from the system attribute AWSTraceHeader
}

// Tries returns the number of receives that were tries, including this one; at least 1.
func (d *Delivery) Tries() int { return max(d.Receives-d.Waits, 1) }

// systemAttributes are requested with every receive.
var systemAttributes = []types.MessageSystemAttributeName{
	types.MessageSystemAttributeNameApproximateReceiveCount,
	types.MessageSystemAttributeNameSentTimestamp,
	types.MessageSystemAttributeNameApproximateFirstReceiveTimestamp,
	types.MessageSystemAttributeNameAWSTraceHeader,
}

// newDelivery returns the delivery of a message that the SDK received.
func newDelivery(queueURL string, m types.Message) *Delivery {
	d := &Delivery{
		Queue: lastOf(queueURL), MessageID: aws.ToString(m.MessageId), ReceiptHandle: aws.ToString(m.ReceiptHandle),
		Body: aws.ToString(m.Body), Attributes: m.MessageAttributes,
	}
	d.system(m.Attributes)
	return d
}

// LambdaDelivery returns the delivery of a record that an event source mapping passed to a function.
func LambdaDelivery(m events.SQSMessage) *Delivery {
	d := &Delivery{
		Queue: lastOf(m.EventSourceARN), MessageID: m.MessageId, ReceiptHandle: m.ReceiptHandle, Body: m.Body,
		Attributes: make(map[string]types.MessageAttributeValue, len(m.MessageAttributes)),
	}
	for name, a := range m.MessageAttributes {
		d.Attributes[name] = types.MessageAttributeValue{
			DataType: aws.String(a.DataType), StringValue: a.StringValue, BinaryValue: a.BinaryValue,
		}
	}
	d.system(m.Attributes)
	return d
}

// system sets the fields that come from system attributes.
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

// refusal is what a Nack means: Reject, Retry and Release set it. The zero value is the meaning of a plain Nack.
type refusal struct {
	kind   refusalKind
	reason error
	until  time.Time       // of postpone
	ctx    context.Context // the message's context at that time: it contains the trace
}

func (r refusal) context(otherwise context.Context) context.Context {
	if r.ctx == nil {
		return otherwise
	}
	return r.ctx
}

type refusalKind int

const (
	retry    refusalKind = iota // the message is received again after the backoff
	reject                      // retrying cannot succeed
	release                     // the service is stopping; the message did not fail
	postpone                    // the message is received again at a time
)

// received is a message that is not settled yet.
type received struct {
	Delivery
	mu      sync.Mutex
	refusal refusal
}

type deliveryKey struct{}

// DeliveryOf returns the delivery of a message that a Consumer sent to its channel.
func DeliveryOf(m *message.Message) (*Delivery, bool) {
	r, ok := m.Context().Value(deliveryKey{}).(*received)
	if !ok {
		return nil, false
	}
	return &r.Delivery, true
}

// Reject sends a message to the dead-letter queue with the reason; the message is then deleted. Reject returns false if the
// message is acknowledged already.
func Reject(m *message.Message, reason error) bool {
	return nack(m, refusal{kind: reject, reason: reason})
}

// Retry returns a message to its queue after the backoff. A message that was received MaxReceives times goes to the dead-letter
// queue with the reason instead.
func Retry(m *message.Message, reason error) bool {
	return nack(m, refusal{kind: retry, reason: reason})
}

// Release returns a message to its queue at once, because the service is stopping.
func Release(m *message.Message) bool { return nack(m, refusal{kind: release}) }

// Postpone returns a message to its queue, to be received again at the given time, or after LongestWait if that is earlier.
func Postpone(m *message.Message, until time.Time) bool {
	return nack(m, refusal{kind: postpone, until: until})
}

func nack(m *message.Message, why refusal) bool {
	if r, ok := m.Context().Value(deliveryKey{}).(*received); ok {
		r.mu.Lock()
		why.ctx = m.Context()
		r.refusal = why
		r.mu.Unlock()
	}
	return m.Nack()
}

func withDelivery(ctx context.Context, r *received) context.Context {
	return context.WithValue(ctx, deliveryKey{}, r)
}

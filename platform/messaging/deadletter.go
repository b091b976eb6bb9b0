package messaging

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/telemetry"
)

// The attributes that a dead letter has in addition to its original ones. Times are RFC 3339 in UTC.
const (
	AttributeReason        = "llac_reason"            // text of at most 1 KiB
	AttributeFailedAt      = "llac_failed_at"         // when the service gave up
	AttributeFirstReceived = "llac_first_received_at" // when the message was first received
	AttributeReceiveCount  = "llac_receive_count"     // number of receives
	AttributeService       = "llac_service"           // service that gave up
	AttributeTrace         = "llac_trace"             // trace id of the last attempt
)

const (
	maxReason     = 1024 // bytes
	maxAttributes = 10   // SQS allows no more on a message
)

// DeadLetters sends the messages that a service gives up on to its dead-letter queue.
type DeadLetters struct {
	Client   SQS
	QueueURL string
	Service  string
	Clock    clock.Clock
	Timeout  time.Duration // of the call; default DefaultCallTimeout
}

// Send sends the message as it was received, with the reason. The message may be deleted from its queue only after Send
// succeeded (invariant 5). A crash between the two leaves the message in both queues, which receipts make harmless. A message
// that was deleted first could be lost.
func (l DeadLetters) Send(ctx context.Context, d *Delivery, reason error) error {
	// The letter is sent even if the service is stopping or its deadline has passed.
	timeout := l.Timeout
	if timeout <= 0 {
		timeout = DefaultCallTimeout
	}
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	in := &sqs.SendMessageInput{QueueUrl: &l.QueueURL, MessageBody: &d.Body, MessageAttributes: l.attributes(ctx, d, reason)}
	if d.TraceHeader != "" {
		in.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{
			string(types.MessageSystemAttributeNameForSendsAWSTraceHeader): {DataType: aws.String("String"), StringValue: &d.TraceHeader},
		}
	}
	if _, err := l.Client.SendMessage(call, in); err != nil {
		return fmt.Errorf("send message %s of %s to the dead-letter queue %s (it stays in its queue): %w",
			d.MessageID, d.Queue, lastOf(l.QueueURL), err)
	}
	return nil
}

func (l DeadLetters) attributes(ctx context.Context, d *Delivery, reason error) map[string]types.MessageAttributeValue {
	ours := map[string]string{
		AttributeReason:       Reason(reason),
		AttributeFailedAt:     l.Clock.Now().Format(time.RFC3339Nano),
		AttributeReceiveCount: strconv.Itoa(d.Receives),
		AttributeService:      l.Service,
	}
	if !d.FirstReceivedAt.IsZero() {
		ours[AttributeFirstReceived] = d.FirstReceivedAt.Format(time.RFC3339Nano)
	}
	if parts := strings.Split(telemetry.TraceParent(ctx), "-"); len(parts) == 4 {
		ours[AttributeTrace] = parts[1]
	}
	out := make(map[string]types.MessageAttributeValue, maxAttributes)
	for name, value := range ours {
		if value != "" { // SQS refuses empty values
			out[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
		}
	}
	// Llac's attributes come first. A foreign message with ten attributes then loses its last ones, not its reason.
	for _, name := range slices.Sorted(maps.Keys(d.Attributes)) {
		if len(out) == maxAttributes {
			break
		}
		if a := d.Attributes[name]; !strings.HasPrefix(name, "llac_") && aws.ToString(a.DataType) != "" &&
			(aws.ToString(a.StringValue) != "" || len(a.BinaryValue) > 0) {
			out[name] = a
		}
	}
	return out
}

// Reason returns an error's text for a dead letter: one line of printable text, at most 1 KiB. Errors must not contain personal
// values (invariant 8): they name keys, fields and positions, never values.
func Reason(err error) string {
	if err == nil {
		return "no reason given"
	}
	line := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(err.Error(), "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if line == "" {
		return "no reason given"
	}
	if len(line) <= maxReason {
		return line
	}
	const more = "…"
	cut := maxReason - len(more)
	for !utf8.RuneStart(line[cut]) {
		cut--
	}
	return line[:cut] + more
}

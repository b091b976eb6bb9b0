package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/messaging"
)

// Letter is one message in a dead-letter queue.
type Letter struct {
	ID              string    `json:"id"` // short, for a person to type; it changes when the message fails again
	Service         string    `json:"service"`
	EventID         string    `json:"event_id,omitempty"`
	Event           string    `json:"event,omitempty"` // short type
	Dataset         string    `json:"dataset,omitempty"`
	Run             string    `json:"run,omitempty"`
	Reason          string    `json:"reason"`
	Receives        int       `json:"receives,omitempty"` // number of attempts; 0: unknown
	FirstReceivedAt time.Time `json:"first_received_at,omitzero"`
	FailedAt        time.Time `json:"failed_at,omitzero"`
	TraceID         string    `json:"trace_id,omitempty"`
	Size            int       `json:"size"` // of the body, in bytes
	SHA256          string    `json:"sha256"`
	// Envelope is the event, if its type is known to this build. Other bodies are never shown, because their contents are
	// unknown (invariant 8).
	Envelope *events.Event `json:"envelope,omitempty"`

	message types.Message
	queue   string // URL of the dead-letter queue
}

// Named reports whether an id means this letter: the id of its event, or the beginning of the letter's own.
func (l Letter) Named(id string) bool {
	return l.EventID == id || len(id) >= 4 && strings.HasPrefix(l.ID, id)
}

// Queues are the queues of an environment.
type Queues struct {
	AWS awssdk.Config
	Env string
}

// Queues returns the queues of the local cloud.
func (c *Cloud) Queues() Queues { return Queues{c.AWS, Env} }

// handling is how long messages that are being read are hidden from other readers.
const handling = 10 * time.Second

// Letters returns the dead letters of a service, or of all if service is "", oldest first. They stay in their queues.
func (c Queues) Letters(ctx context.Context, service string) ([]Letter, error) {
	return c.letters(ctx, service, func([]Letter) ([]Letter, error) { return nil, nil })
}

// Replay sends the original bodies of the letters that chosen selects back to the queues of their services. It returns
// those that it sent.
func (c Queues) Replay(ctx context.Context, service string, chosen func(Letter) bool) ([]Letter, error) {
	var sent []Letter
	_, err := c.letters(ctx, service, func(all []Letter) ([]Letter, error) {
		for _, l := range all {
			if !chosen(l) {
				continue
			}
			if err := c.resend(ctx, l); err != nil {
				return sent, err
			}
			sent = append(sent, l)
		}
		return sent, nil
	})
	return sent, err
}

// letters receives every dead letter, calls use with them, and puts back those that use does not return.
func (c Queues) letters(ctx context.Context, service string, use func([]Letter) ([]Letter, error)) (listed []Letter, err error) {
	client := sqs.NewFromConfig(c.AWS)
	held := map[string]map[string]bool{} // receipt handles by queue
	defer func() {
		for queue, handles := range held {
			var changes []messaging.VisibilityChange
			for handle := range handles {
				changes = append(changes, messaging.VisibilityChange{ReceiptHandle: handle})
			}
			// A letter that could not be put back reappears by itself.
			err = errors.Join(err, messaging.ChangeVisibility(context.WithoutCancel(ctx), client, queue, changes))
		}
	}()
	for _, s := range services.All {
		if service != "" && s.Name != service {
			continue
		}
		url, err := messaging.QueueURL(ctx, client, messaging.DeadLetterQueueName(c.Env, s.Name))
		if isNoQueue(err) {
			continue
		}
		if err != nil {
			return listed, err
		}
		held[url] = map[string]bool{}
		found, err := c.receiveAll(ctx, client, s.Name, url, held[url])
		listed = append(listed, found...)
		if err != nil {
			return listed, err
		}
	}
	slices.SortStableFunc(listed, func(a, b Letter) int { return a.FirstReceivedAt.Compare(b.FirstReceivedAt) })
	gone, err := use(listed)
	for _, l := range gone {
		delete(held[l.queue], awssdk.ToString(l.message.ReceiptHandle))
	}
	return listed, err
}

// receiveAll receives every dead letter of a service and records their receipt handles. A lost response of SQS hides letters
// for a while, as another reader does. receiveAll waits for them, so that none is missing.
func (c Queues) receiveAll(ctx context.Context, client *sqs.Client, service, url string, held map[string]bool) ([]Letter, error) {
	var all []Letter
	deadline := time.Now().Add(handling + 2*time.Second) // visibility depends on real time
	for {
		found, err := receive(ctx, client, service, url)
		if err != nil {
			return all, err
		}
		for _, l := range found {
			held[awssdk.ToString(l.message.ReceiptHandle)] = true
			again := slices.IndexFunc(all, func(b Letter) bool { return *b.message.MessageId == *l.message.MessageId })
			if again < 0 {
				all = append(all, l)
				continue
			}
			delete(held, awssdk.ToString(all[again].message.ReceiptHandle)) // it reappeared while we waited for others
			all[again] = l
		}
		if len(found) > 0 {
			continue
		}
		depth, err := c.Depth(ctx, messaging.DeadLetterQueueName(c.Env, service))
		if err != nil {
			return all, err
		}
		hidden := depth.Total() - len(all)
		switch {
		case hidden <= 0:
			return all, nil
		case time.Now().After(deadline):
			return all, fmt.Errorf("%d dead letters of %s are held by another reader; try again in a moment", hidden, service)
		}
		if err := (clock.System{}).Sleep(ctx, 100*time.Millisecond); err != nil {
			return all, err
		}
	}
}

func receive(ctx context.Context, client *sqs.Client, service, url string) ([]Letter, error) {
	call, cancel := context.WithTimeout(ctx, messaging.DefaultCallTimeout)
	defer cancel()
	out, err := client.ReceiveMessage(call, &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: messaging.MaxBatch, VisibilityTimeout: int32(handling / time.Second),
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		return nil, fmt.Errorf("read the dead letters of %s: %w", service, err)
	}
	letters := make([]Letter, len(out.Messages))
	for i, m := range out.Messages {
		letters[i] = newLetter(service, url, m)
	}
	return letters, nil
}

func newLetter(service, url string, m types.Message) Letter {
	dead := messaging.ReadLetter(service, m)
	l := Letter{
		ID: shortID(dead.MessageID), Service: service, Reason: dead.Reason,
		Receives: dead.Receives, FirstReceivedAt: dead.FirstReceivedAt, FailedAt: dead.FailedAt, TraceID: dead.TraceID,
		Size: len(dead.Body), SHA256: lake.SHA256([]byte(dead.Body)), message: m, queue: url,
	}
	if l.Reason == "" {
		l.Reason = "unknown: its consumer died during each attempt, and SQS moved the message"
	}
	e, err := events.Parse([]byte(dead.Body))
	if err != nil {
		return l
	}
	l.EventID, l.Event, l.Dataset, l.Run = e.ID, events.Name(e.Type), e.Subject, e.CorrelationID
	if payload, err := e.Decode(); err == nil {
		e.Data = events.New(payload).Data // only the fields that this build knows
		l.Envelope = &e
	}
	return l
}

// shortID returns the first part of a message id.
func shortID(messageID string) string {
	first, _, _ := strings.Cut(messageID, "-")
	return first
}

// resend sends a letter's original body and attributes back to its service, then deletes the letter.
// Invariant 5: in this order. If the delete fails, the message exists twice, which receipts make harmless.
func (c Queues) resend(ctx context.Context, l Letter) error {
	client := sqs.NewFromConfig(c.AWS)
	call, cancel := context.WithTimeout(ctx, messaging.DefaultCallTimeout)
	defer cancel()
	name := messaging.QueueName(c.Env, l.Service)
	url, err := messaging.QueueURL(call, client, name)
	if err != nil {
		return err
	}
	attributes := maps.Clone(l.message.MessageAttributes)
	maps.DeleteFunc(attributes, func(name string, _ types.MessageAttributeValue) bool { return strings.HasPrefix(name, "llac_") })
	in := &sqs.SendMessageInput{QueueUrl: &url, MessageBody: l.message.Body, MessageAttributes: attributes}
	header := string(types.MessageSystemAttributeNameForSendsAWSTraceHeader)
	if v := l.message.Attributes[header]; v != "" {
		in.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{header: {DataType: awssdk.String("String"),
			StringValue: &v}}
	}
	if _, err := client.SendMessage(call, in); err != nil {
		return fmt.Errorf("send dead letter %s back to %s (it stays a dead letter): %w", l.ID, name, err)
	}
	if _, err := client.DeleteMessage(call, &sqs.DeleteMessageInput{QueueUrl: &l.queue,
		ReceiptHandle: l.message.ReceiptHandle}); err != nil {
		return fmt.Errorf("delete dead letter %s, which was sent back: %w", l.ID, err)
	}
	return nil
}

// Drain waits until no service has anything to do, or ctx ends.
func (p *Pipeline) Drain(ctx context.Context) error {
	for {
		idle, err := p.Idle(ctx)
		if err != nil || idle {
			return err
		}
		select {
		case err := <-p.failed:
			return err
		default:
		}
		if err := (clock.System{}).Sleep(ctx, 50*time.Millisecond); err != nil {
			return context.Cause(ctx)
		}
	}
}

func isNoQueue(err error) bool {
	var missing *types.QueueDoesNotExist
	return errors.As(err, &missing)
}

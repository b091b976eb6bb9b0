package messaging

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Letter is one dead letter in its queue.
type Letter struct {
	Service   string
	MessageID string // SQS's; a new one each time the message becomes a dead letter
	Body      string // as the service received it
	// SentAt is the time from which SQS counts the retention. It is the time at which the service gave up or, for a message
	// that SQS moved itself, the time at which the message was first sent. UTC.
	SentAt time.Time

	// The service sets these fields when it gives up. They are empty for a message that SQS moved.
	Reason          string
	Receives        int
	FirstReceivedAt time.Time
	FailedAt        time.Time
	TraceID         string
}

// DeadLetterQueues reads the dead-letter queues of an environment.
type DeadLetterQueues struct {
	Client SQS
	Env    string
}

const (
	// visiting is the visibility timeout while a reader looks at a letter. If the reader dies, the letter reappears after it.
	visiting = 30 * time.Second
	// visitWait makes SQS query all of its servers. Without a wait, SQS may return no message although the queue is
	// not empty.
	visitWait = 1 // seconds
	// staleBatches is the number of batches without a new letter after which a visit ends. In a long queue, early letters
	// reappear during the visit.
	staleBatches = 3
)

// Look calls visit for every dead letter of a service, in no particular order. The letters stay in their queue: all become
// visible again at the end. Look returns the errors of visit, which do not end it.
func (q DeadLetterQueues) Look(ctx context.Context, service string, visit func(Letter) error) (err error) {
	url, err := QueueURL(ctx, q.Client, DeadLetterQueueName(q.Env, service))
	if err != nil {
		return err
	}
	held := map[string]string{} // latest receipt handle by message id
	defer func() {
		changes := make([]VisibilityChange, 0, len(held))
		for _, handle := range held {
			changes = append(changes, VisibilityChange{ReceiptHandle: handle})
		}
		// The error is ignored: a letter whose visibility was not changed becomes visible by itself.
		_ = ChangeVisibility(context.WithoutCancel(ctx), q.Client, url, changes)
	}()
	var failed error
	for stale := 0; stale < staleBatches; {
		batch, err := q.receive(ctx, service, url)
		if err != nil {
			return errors.Join(failed, err)
		}
		if len(batch) == 0 {
			break
		}
		stale++
		for _, m := range batch {
			id := aws.ToString(m.MessageId)
			_, seen := held[id]
			held[id] = aws.ToString(m.ReceiptHandle)
			if seen {
				continue
			}
			stale = 0
			// Invariant 5: a letter that fails does not stop the others.
			failed = errors.Join(failed, visit(ReadLetter(service, m)))
		}
	}
	return failed
}

func (q DeadLetterQueues) receive(ctx context.Context, service, url string) ([]types.Message, error) {
	call, cancel := context.WithTimeout(ctx, visitWait*time.Second+DefaultCallTimeout)
	defer cancel()
	out, err := q.Client.ReceiveMessage(call, &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: MaxBatch, VisibilityTimeout: seconds(visiting), WaitTimeSeconds: visitWait,
		MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: systemAttributes,
	})
	if err != nil {
		return nil, fmt.Errorf("read the dead letters of %s: %w", service, err)
	}
	return out.Messages, nil
}

// ReadLetter returns the letter in a message of a service's dead-letter queue. The message was received with all its attributes.
func ReadLetter(service string, m types.Message) Letter {
	text := func(name string) string { return aws.ToString(m.MessageAttributes[name].StringValue) }
	at := func(name string) time.Time {
		t, _ := time.Parse(time.RFC3339Nano, text(name)) // zero for a message that SQS moved
		return t
	}
	receives, _ := strconv.Atoi(text(AttributeReceiveCount))
	return Letter{
		Service: service, MessageID: aws.ToString(m.MessageId), Body: aws.ToString(m.Body),
		SentAt: milliseconds(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)]),
		Reason: text(AttributeReason), Receives: receives, FirstReceivedAt: at(AttributeFirstReceived), FailedAt: at(AttributeFailedAt),
		TraceID: text(AttributeTrace),
	}
}

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

// Letter is one dead letter as it lies in its queue.
type Letter struct {
	Service   string
	MessageID string // SQS's; another one each time the message dies
	Body      string // as the service received it
	// SentAt is the time from which SQS counts its days: when the service gave up, or, of a message that SQS moved itself,
	// when it was first sent. UTC.
	SentAt time.Time

	// What the service said when it gave up; empty of a message that SQS moved.
	Reason          string
	Receives        int
	FirstReceivedAt time.Time
	FailedAt        time.Time
	TraceID         string
}

// DeadLetterQueues looks into the dead-letter queues of an environment.
type DeadLetterQueues struct {
	Client SQS
	Env    string
}

const (
	// looking is how long a letter that is looked at is hidden from others who look, should its reader die.
	looking = 30 * time.Second
	// lookWait makes SQS ask all of its servers; a receive that does not wait may find a queue empty that is not.
	lookWait = 1 // seconds
	// staleBatches ends a look at a queue so long that its first letters come back before its last were seen.
	staleBatches = 3
)

// Look shows every dead letter of a service to visit, in no order. The letters stay where they are: all are put back when
// the look ends, also by an error of visit, which is returned.
func (q DeadLetterQueues) Look(ctx context.Context, service string, visit func(Letter) error) (err error) {
	url, err := QueueURL(ctx, q.Client, DeadLetterQueueName(q.Env, service))
	if err != nil {
		return err
	}
	held := map[string]string{} // latest receipt handle by message id
	defer func() {
		rests := make([]Rest, 0, len(held))
		for _, handle := range held {
			rests = append(rests, Rest{ReceiptHandle: handle})
		}
		// One that could not be put back comes back by itself: that is no reason to call the look failed.
		_ = PutBack(context.WithoutCancel(ctx), q.Client, url, rests)
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
			// Invariant 5: a letter that cannot be dealt with does not stand in the way of the others.
			failed = errors.Join(failed, visit(ReadLetter(service, m)))
		}
	}
	return failed
}

func (q DeadLetterQueues) receive(ctx context.Context, service, url string) ([]types.Message, error) {
	call, cancel := context.WithTimeout(ctx, lookWait*time.Second+DefaultCallTimeout)
	defer cancel()
	out, err := q.Client.ReceiveMessage(call, &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: MaxBatch, VisibilityTimeout: seconds(looking), WaitTimeSeconds: lookWait,
		MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: systemAttributes,
	})
	if err != nil {
		return nil, fmt.Errorf("read the dead letters of %s: %w", service, err)
	}
	return out.Messages, nil
}

// ReadLetter reads a message of a service's dead-letter queue, received with all its attributes.
func ReadLetter(service string, m types.Message) Letter {
	text := func(name string) string { return aws.ToString(m.MessageAttributes[name].StringValue) }
	at := func(name string) time.Time {
		t, _ := time.Parse(time.RFC3339Nano, text(name)) // of a message that SQS moved: none
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

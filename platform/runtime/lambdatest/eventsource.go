package lambdatest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// EventSource is an event source mapping from a queue to a function, with ReportBatchItemFailures.
type EventSource struct {
	API      *RuntimeAPI
	SQS      *sqs.Client
	QueueURL string
	QueueARN string
	Hidden   time.Duration // visibility timeout of a received batch; 0 means the queue's, as in Lambda
	Batch    int           // maximum number of messages per invocation; default and maximum 10
	Timeout  time.Duration // timeout of the function
	Received func(n int)   // called with the number of messages before each invocation; nil: not called
}

// Result describes what happened to one batch.
type Result struct {
	Received int
	Failed   []string // message ids that stayed in the queue
	Answer   Answer
}

// Once receives one batch, waiting up to a second for it, invokes the function, and deletes the messages that it handled. It
// returns the zero Result when no message is visible.
func (e EventSource) Once(ctx context.Context) (Result, error) {
	out, err := e.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &e.QueueURL, MaxNumberOfMessages: e.batch(), WaitTimeSeconds: 1, VisibilityTimeout: int32(e.Hidden / time.Second),
		MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
	})
	if err != nil {
		return Result{}, fmt.Errorf("receive a batch: %w", err)
	}
	if len(out.Messages) == 0 {
		return Result{}, nil
	}
	payload, err := json.Marshal(e.event(out.Messages))
	if err != nil {
		return Result{}, err
	}
	r := Result{Received: len(out.Messages)}
	if e.Received != nil {
		e.Received(r.Received)
	}
	answer, err := e.API.Invoke(ctx, payload, e.Timeout)
	r.Answer = answer
	if r.Failed = failures(answer, out.Messages); err != nil || r.Failed == nil {
		r.Failed = ids(out.Messages) // the whole batch
		return r, err
	}
	for _, m := range out.Messages {
		if slices.Contains(r.Failed, aws.ToString(m.MessageId)) {
			continue
		}
		if _, err := e.SQS.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &e.QueueURL, ReceiptHandle: m.ReceiptHandle}); err != nil {
			return r, fmt.Errorf("delete message %s: %w", aws.ToString(m.MessageId), err)
		}
	}
	return r, nil
}

func (e EventSource) batch() int32 {
	if e.Batch < 1 || e.Batch > 10 {
		return 10
	}
	return int32(e.Batch)
}

func (e EventSource) event(messages []types.Message) events.SQSEvent {
	var event events.SQSEvent
	for _, m := range messages {
		record := events.SQSMessage{
			MessageId: aws.ToString(m.MessageId), ReceiptHandle: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body),
			Md5OfBody:  aws.ToString(m.MD5OfBody),
			Attributes: m.Attributes, MessageAttributes: map[string]events.SQSMessageAttribute{},
			EventSource: "aws:sqs", EventSourceARN: e.QueueARN,
		}
		for name, a := range m.MessageAttributes {
			record.MessageAttributes[name] = events.SQSMessageAttribute{DataType: aws.ToString(a.DataType),
				StringValue: a.StringValue, BinaryValue: a.BinaryValue}
		}
		event.Records = append(event.Records, record)
	}
	return event
}

// failures returns the ids of the messages that stay in the queue, from a partial batch response. nil means the whole batch.
func failures(answer Answer, messages []types.Message) []string {
	if answer.Failed {
		return nil
	}
	var response events.SQSEventResponse
	if len(answer.Payload) > 0 && json.Unmarshal(answer.Payload, &response) != nil {
		return nil
	}
	known, stay := ids(messages), []string{}
	for _, f := range response.BatchItemFailures {
		if !slices.Contains(known, f.ItemIdentifier) {
			return nil
		}
		stay = append(stay, f.ItemIdentifier)
	}
	return stay
}

func ids(messages []types.Message) []string {
	out := make([]string, len(messages))
	for i, m := range messages {
		out[i] = aws.ToString(m.MessageId)
	}
	return out
}

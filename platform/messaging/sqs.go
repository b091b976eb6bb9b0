package messaging

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// SQS is the part of the SDK's client that the consumer needs. The caller bounds each call's time.
type SQS interface {
	GetQueueUrl(context.Context, *sqs.GetQueueUrlInput, ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (
		*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// MaxBatch is the maximum number of messages of one SQS call.
const MaxBatch = 10

// DefaultCallTimeout bounds one call to SQS or SNS, with its retries.
const DefaultCallTimeout = 15 * time.Second

// QueueURL returns the URL of a queue, given by name. It returns a URL unchanged.
func QueueURL(ctx context.Context, client SQS, name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	ctx, cancel := context.WithTimeout(ctx, DefaultCallTimeout)
	defer cancel()
	out, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return "", fmt.Errorf("find queue %s (create the queues first: llac run, or make stacks and make deploy; "+
			"check region and environment): %w", name, err)
	}
	return aws.ToString(out.QueueUrl), nil
}

// VisibilityChange hides a received message for a number of seconds from now. 0 makes it visible at once.
type VisibilityChange struct {
	ReceiptHandle string
	Seconds       int32
}

// ChangeVisibility changes the visibility of messages of a queue. It tries all and returns the joined errors. A message whose
// change failed becomes visible at the end of its present visibility.
func ChangeVisibility(ctx context.Context, client SQS, queueURL string, changes []VisibilityChange) error {
	var problems []error
	for batch := range slices.Chunk(changes, MaxBatch) {
		call, cancel := context.WithTimeout(ctx, DefaultCallTimeout)
		for _, err := range changeVisibility(call, client, queueURL, batch) {
			problems = append(problems, err)
		}
		cancel()
	}
	return errors.Join(problems...)
}

// changeVisibility changes up to ten messages in one call. It returns the errors by position.
func changeVisibility(ctx context.Context, client SQS, queueURL string, changes []VisibilityChange) map[int]error {
	entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(changes))
	for i, c := range changes {
		entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{
			Id: &entryIDs[i], ReceiptHandle: &changes[i].ReceiptHandle, VisibilityTimeout: c.Seconds,
		}
	}
	out, err := client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &queueURL, Entries: entries})
	if err != nil {
		return allFailed(len(changes), fmt.Errorf("change the visibility of %d messages of %s: %w", len(changes), lastOf(queueURL), err))
	}
	return failed(out.Failed, "change the visibility of a message of "+lastOf(queueURL))
}

// deleteMessages deletes up to ten messages in one call. It returns the errors by position.
func deleteMessages(ctx context.Context, client SQS, queueURL string, receipts []string) map[int]error {
	entries := make([]types.DeleteMessageBatchRequestEntry, len(receipts))
	for i := range receipts {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: &entryIDs[i], ReceiptHandle: &receipts[i]}
	}
	out, err := client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &queueURL, Entries: entries})
	if err != nil {
		return allFailed(len(receipts), fmt.Errorf("delete %d messages of %s: %w", len(receipts), lastOf(queueURL), err))
	}
	return failed(out.Failed, "delete a message of "+lastOf(queueURL))
}

// entryIDs are the ids of batch entries: their positions.
var entryIDs = [MaxBatch]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}

// refusedError is SQS's error for one entry of a batch.
type refusedError struct {
	op, code, message string
	senderFault       bool // the entry is wrong, for example by an old receipt handle: retrying cannot succeed
}

func (e *refusedError) Error() string { return e.op + ": " + e.code + ": " + e.message }

func failed(entries []types.BatchResultErrorEntry, op string) map[int]error {
	var errs map[int]error
	for _, f := range entries {
		for i, id := range entryIDs {
			if aws.ToString(f.Id) == id {
				if errs == nil {
					errs = map[int]error{}
				}
				errs[i] = &refusedError{op: op, code: aws.ToString(f.Code), message: aws.ToString(f.Message), senderFault: f.SenderFault}
			}
		}
	}
	return errs
}

func allFailed(n int, err error) map[int]error {
	errs := make(map[int]error, n)
	for i := range n {
		errs[i] = err
	}
	return errs
}

package messaging

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// fakeSQS keeps queues in memory, with visibility and receive counts. It uses the time of the test's bubble. Unlike the local
// cloud, it can fail at a chosen call, and it records the order of the calls.
type fakeSQS struct {
	mu      sync.Mutex
	queues  map[string][]*fakeMessage
	changed chan struct{} // closed and replaced when a queue changes
	calls   []string      // "receive", "send <queue>", "delete <n>", "visibility <seconds>"
	serial  int
	// fail is called before each call. Its error is returned to the caller.
	fail func(call string) error
}

type fakeMessage struct {
	id, handle, body string
	attributes       map[string]types.MessageAttributeValue
	sent, first      time.Time
	visibleAt        time.Time
	receives         int
}

func newFakeSQS() *fakeSQS {
	return &fakeSQS{queues: map[string][]*fakeMessage{}, changed: make(chan struct{})}
}

func (f *fakeSQS) note(call string) error {
	f.calls = append(f.calls, call)
	if f.fail != nil {
		return f.fail(call)
	}
	return nil
}

func (f *fakeSQS) wake() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fakeSQS) put(queue string, bodies ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range bodies {
		f.add(queue, b, map[string]types.MessageAttributeValue{"type": {DataType: aws.String("String"), StringValue: aws.String("t")}})
	}
	f.wake()
}

func (f *fakeSQS) add(queue, body string, attributes map[string]types.MessageAttributeValue) {
	f.serial++
	f.queues[queue] = append(f.queues[queue], &fakeMessage{
		id: "m" + strconv.Itoa(f.serial), body: body, attributes: attributes, sent: time.Now(), visibleAt: time.Now(),
	})
}

// log returns the calls so far, without receives.
func (f *fakeSQS) log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.calls), func(c string) bool { return c == "receive" })
}

func (f *fakeSQS) messages(queue string) []fakeMessage {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []fakeMessage
	for _, m := range f.queues[queue] {
		out = append(out, *m)
	}
	return out
}

func (f *fakeSQS) GetQueueUrl(_ context.Context, in *sqs.GetQueueUrlInput, _ ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error) {
	if *in.QueueName == "missing" {
		return nil, &types.QueueDoesNotExist{}
	}
	return &sqs.GetQueueUrlOutput{QueueUrl: aws.String("fake/" + *in.QueueName)}, nil
}

func (f *fakeSQS) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (
	*sqs.ReceiveMessageOutput, error,
) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.note("receive"); err != nil {
		return nil, err
	}
	end := time.Now().Add(time.Duration(in.WaitTimeSeconds) * time.Second)
	for {
		var out []types.Message
		next := end
		for _, m := range f.queues[lastOf(*in.QueueUrl)] {
			if m.visibleAt.After(time.Now()) {
				next = minTime(next, m.visibleAt)
				continue
			}
			if len(out) == int(in.MaxNumberOfMessages) {
				break
			}
			m.receives++
			if m.first.IsZero() {
				m.first = time.Now()
			}
			m.visibleAt = time.Now().Add(time.Duration(in.VisibilityTimeout) * time.Second)
			m.handle = fmt.Sprintf("%s/%d", m.id, m.receives)
			sum := md5.Sum([]byte(m.body))
			out = append(out, types.Message{
				MessageId: aws.String(m.id), ReceiptHandle: aws.String(m.handle), Body: aws.String(m.body),
				MD5OfBody: aws.String(hex.EncodeToString(sum[:])), MessageAttributes: m.attributes, Attributes: map[string]string{
					"ApproximateReceiveCount": strconv.Itoa(m.receives), "SentTimestamp": strconv.FormatInt(m.sent.UnixMilli(), 10),
					"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.first.UnixMilli(), 10),
					"AWSTraceHeader":                   "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
				},
			})
		}
		if len(out) > 0 || !time.Now().Before(end) {
			return &sqs.ReceiveMessageOutput{Messages: out}, nil
		}
		changed, timer := f.changed, time.NewTimer(time.Until(next))
		f.mu.Unlock()
		var err error
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			err = ctx.Err()
		}
		timer.Stop()
		f.mu.Lock()
		if err != nil {
			return nil, err
		}
	}
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (f *fakeSQS) SendMessage(ctx context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := errors.Join(ctx.Err(), f.note("send "+lastOf(*in.QueueUrl))); err != nil {
		return nil, err
	}
	f.add(lastOf(*in.QueueUrl), *in.MessageBody, in.MessageAttributes)
	f.wake()
	return &sqs.SendMessageOutput{}, nil
}

func (f *fakeSQS) find(queueURL, handle string) *fakeMessage {
	for _, m := range f.queues[lastOf(queueURL)] {
		if m.handle == handle {
			return m
		}
	}
	return nil
}

func (f *fakeSQS) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (
	*sqs.DeleteMessageBatchOutput, error,
) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := errors.Join(ctx.Err(), f.note(fmt.Sprint("delete ", len(in.Entries)))); err != nil {
		return nil, err
	}
	out := &sqs.DeleteMessageBatchOutput{}
	for _, e := range in.Entries {
		m := f.find(*in.QueueUrl, *e.ReceiptHandle)
		if f.fail != nil {
			if err := f.fail("delete " + *e.ReceiptHandle); err != nil {
				out.Failed = append(out.Failed, types.BatchResultErrorEntry{
					Id: e.Id, Code: aws.String("InternalError"), SenderFault: strings.Contains(err.Error(), "sender"),
				})
				continue
			}
		}
		queue := lastOf(*in.QueueUrl)
		f.queues[queue] = slices.DeleteFunc(f.queues[queue], func(x *fakeMessage) bool { return x == m })
	}
	return out, nil
}

func (f *fakeSQS) ChangeMessageVisibilityBatch(
	ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := &sqs.ChangeMessageVisibilityBatchOutput{}
	for _, e := range in.Entries {
		if err := f.note(fmt.Sprint("visibility ", e.VisibilityTimeout)); err != nil {
			return nil, err
		}
		m := f.find(*in.QueueUrl, *e.ReceiptHandle)
		if m == nil || !m.visibleAt.After(time.Now()) {
			refused := types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("MessageNotInflight"), SenderFault: true}
			out.Failed = append(out.Failed, refused)
			continue
		}
		m.visibleAt = time.Now().Add(time.Duration(e.VisibilityTimeout) * time.Second)
	}
	f.wake()
	return out, nil
}

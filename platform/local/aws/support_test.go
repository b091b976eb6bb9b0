package aws_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/platform/local/aws"
)

// TestMain also starts the process that is killed by tests (see crash_test.go).
func TestMain(m *testing.M) {
	if dir := os.Getenv(ownerVariable); dir != "" {
		os.Exit(ownUntilKilled(dir))
	}
	os.Exit(m.Run())
}

// cloud is a local cloud and its clients.
type cloud struct {
	*aws.Cloud
	sqs *sqs.Client
	sns *sns.Client
	s3  *s3.Client
}

func open(t testing.TB, o aws.Options) *cloud {
	t.Helper()
	c, err := aws.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return clientsOf(c)
}

func clientsOf(c *aws.Cloud) *cloud {
	return &cloud{Cloud: c, sqs: sqs.NewFromConfig(c.Config()), sns: sns.NewFromConfig(c.Config()), s3: s3.NewFromConfig(c.Config())}
}

func (c *cloud) queue(t testing.TB, name string, attributes map[string]string) string {
	t.Helper()
	out, err := c.sqs.CreateQueue(context.Background(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		t.Fatal(err)
	}
	return *out.QueueUrl
}

func (c *cloud) send(t testing.TB, url string, bodies ...string) {
	t.Helper()
	for _, b := range bodies {
		if _, err := c.sqs.SendMessage(context.Background(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &b}); err != nil {
			t.Fatal(err)
		}
	}
}

// receive takes up to ten messages without waiting.
func (c *cloud) receive(t testing.TB, url string) []types.Message {
	t.Helper()
	out, err := c.sqs.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Messages
}

func (c *cloud) attribute(t testing.TB, url, name string) string {
	t.Helper()
	out, err := c.sqs.GetQueueAttributes(context.Background(), &sqs.GetQueueAttributesInput{QueueUrl: &url,
		AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes[name]
}

// subscribe creates a topic and a queue that is subscribed to it.
func (c *cloud) subscribe(t testing.TB, topic, queue string, attributes map[string]string) (arn, url string) {
	t.Helper()
	created, err := c.sns.CreateTopic(context.Background(), &sns.CreateTopicInput{Name: &topic})
	if err != nil {
		t.Fatal(err)
	}
	url = c.queue(t, queue, nil)
	all := map[string]string{"RawMessageDelivery": "true"}
	for k, v := range attributes {
		all[k] = v
	}
	if _, err := c.sns.Subscribe(context.Background(), &sns.SubscribeInput{
		TopicArn: created.TopicArn, Protocol: awssdk.String("sqs"), Endpoint: awssdk.String(c.QueueARN(queue)), Attributes: all,
	}); err != nil {
		t.Fatal(err)
	}
	return *created.TopicArn, url
}

// handClock is a clock that a test advances.
type handClock struct {
	mu      sync.Mutex
	now     time.Time
	waiting map[chan struct{}]time.Time
}

func newHandClock() *handClock {
	return &handClock{now: time.Date(2025, 8, 3, 14, 5, 12, 0, time.UTC), waiting: map[chan struct{}]time.Time{}}
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	woken := make(chan struct{})
	until := c.now.Add(d)
	if d <= 0 {
		close(woken)
	} else {
		c.waiting[woken] = until
	}
	c.mu.Unlock()
	select {
	case <-woken:
		return nil
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.waiting, woken)
		c.mu.Unlock()
		return ctx.Err()
	}
}

func (c *handClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	for woken, until := range c.waiting {
		if !until.After(c.now) {
			close(woken)
			delete(c.waiting, woken)
		}
	}
}

// sleepers waits until n callers of Sleep are waiting.
func (c *handClock) sleepers(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		c.mu.Lock()
		asleep := len(c.waiting)
		c.mu.Unlock()
		if asleep == n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d callers wait in Sleep, want %d", asleep, n)
		}
	}
}

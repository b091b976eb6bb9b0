package messagingtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/llac-project/llac/platform/messaging"
)

// topicMaker adds to a consumer what the universal suite requires and services must not have: it creates a topic and its queue on
// first use.
type topicMaker struct {
	*messaging.Consumer
	sns   *sns.Client
	sqs   *sqs.Client
	group string // consumer group; each has its own queue
}

// queue returns the queue's name, of at most 80 characters.
func (m topicMaker) queue(topic string) string {
	sum := sha256.Sum256([]byte(topic + "/" + m.group))
	return "suite-" + hex.EncodeToString(sum[:8])
}

func (m topicMaker) SubscribeInitialize(topic string) error {
	ctx := context.Background()
	queue := m.queue(topic)
	made, err := m.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &queue})
	if err != nil {
		return err
	}
	arn, err := messaging.QueueARN(ctx, m.sqs, awssdk.ToString(made.QueueUrl))
	if err != nil {
		return err
	}
	out, err := m.sns.CreateTopic(ctx, &sns.CreateTopicInput{Name: &topic})
	if err != nil {
		return err
	}
	_, err = m.sns.Subscribe(ctx, &sns.SubscribeInput{TopicArn: out.TopicArn, Protocol: awssdk.String("sqs"), Endpoint: &arn,
		Attributes: map[string]string{"RawMessageDelivery": "true"}})
	return err
}

func (m topicMaker) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if err := m.SubscribeInitialize(topic); err != nil {
		return nil, err
	}
	return m.Consumer.Subscribe(ctx, m.queue(topic))
}

// TestUniversalSuite runs watermill's universal pub/sub suite on our publisher and consumer.
func TestUniversalSuite(t *testing.T) {
	t.Parallel()
	cloud := startCloud(t)
	config := cloud.Config()
	queues, topics := sqs.NewFromConfig(config), sns.NewFromConfig(config)
	construct := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		p, err := messaging.NewPublisher(messaging.PublisherConfig{AWS: config, CarryUUID: true,
			TopicARN: func(topic string) (string, error) { return cloud.TopicARN(topic), nil }})
		if err != nil {
			t.Fatal(err)
		}
		c, err := messaging.NewConsumer(messaging.ConsumerConfig{
			Client: queues, Pollers: 2, Concurrency: 20, Wait: 2 * time.Second, Visibility: 3 * time.Second,
			Backoff: messaging.Backoff{First: time.Millisecond, Max: time.Millisecond}, Grace: time.Second, Log: quiet(),
		})
		if err != nil {
			t.Fatal(err)
		}
		return p, topicMaker{c, topics, queues, group}
	}
	tests.TestPubSub(t, tests.Features{
		ConsumerGroups: true, Persistent: true, ForceShort: os.Getenv("LLAC_REQUIRE_ALL") != "1", // in full: 40 s
	}, func(t *testing.T) (message.Publisher, message.Subscriber) { return construct(t, "") },
		func(t *testing.T, group string) (message.Publisher, message.Subscriber) { return construct(t, group) })
}

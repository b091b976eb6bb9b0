//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package aws

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/deploy"
	"github.com/llac-project/llac/platform/lake"
	local "github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/test/aws/driver"
)

// timesOut stops the scheduler's function during a batch of three messages, until the driver kills it at its timeout. The messages become
// visible again, and each dataset is run once. The timeouts are shorter here than Terraform's, so that the test need not wait.
func timesOut(t *testing.T, e *environment, d driver.Deployed) {
	const service = "scheduler"
	d = clone(d)
	m := mapping(&d, service)
	m.Function.Timeout, m.Hidden = 2*time.Second, 4*time.Second

	datasets, before := []string{"service_types", "service_qualifications", "municipalities"}, map[string]string{}
	account := deploy.Account{AWS: e.config, ID: Account}
	for i, name := range datasets {
		p, _, err := lake.ReadPointer(t.Context(), e.lake, name)
		if err != nil || p == nil {
			t.Fatal(p, err)
		}
		before[name] = p.Snapshot
		at := time.Now().UTC().Truncate(time.Second)
		event := events.New(events.RunRequested{Dataset: name, RequestedAt: at, RequestedBy: "test", Trigger: "manual", Force: true})
		event.ID, event.Source = fmt.Sprintf("%s/%s/operator-%d", name, lake.Slot(at), i), "/llac/operator"
		event.Time, event.CorrelationID = at, lake.Slot(at)
		if err := account.Publish(t.Context(), env, event); err != nil {
			t.Fatal(err)
		}
	}
	var once sync.Once
	c := e.drive(t, d, func(s string, process *os.Process) {
		if s == service {
			once.Do(func() { _ = process.Signal(syscall.SIGSTOP) })
		}
	})
	if err := waitFor(c, 15*time.Second, func() (bool, string) {
		for _, name := range datasets {
			p, _, err := lake.ReadPointer(t.Context(), e.lake, name)
			if err != nil || p.Snapshot <= before[name] {
				return false, name + " has no new snapshot"
			}
		}
		return true, ""
	}); err != nil {
		t.Fatal(err)
	}
	if c.Kills(service) != 1 || c.Received(service) < 2*len(datasets) {
		t.Errorf("killed %d times, received %d messages; want one kill and each message twice", c.Kills(service), c.Received(service))
	}
	for _, name := range datasets {
		if runs := e.keys(t, "runs/"+name+"/"); count(runs, "/requested.json") < 2 {
			t.Errorf("the runs of %s: %v", name, runs)
		}
		p, _, _ := lake.ReadPointer(t.Context(), e.lake, name)
		if p.Previous != before[name] {
			t.Errorf("%s was run more than once: snapshot %s follows %s, want it to follow %s", name, p.Snapshot, p.Previous, before[name])
		}
	}
	drained(t, e, c)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// count returns how many keys have a suffix.
func count(keys []string, suffix string) (n int) {
	for _, k := range keys {
		if strings.HasSuffix(k, suffix) {
			n++
		}
	}
	return n
}

// undeliverable checks that a message that SNS cannot deliver goes to the queue that Terraform configured in the subscription. moto does
// not support dead-letter queues of subscriptions, so this runs on the local cloud.
func undeliverable(t *testing.T, e *environment) {
	client, arn, topic, endpoint := e.subscription(t, "validator", "stager")
	configured, err := client.GetSubscriptionAttributes(t.Context(), &sns.GetSubscriptionAttributesInput{SubscriptionArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	cloud, err := local.Start(t.Context(), local.Options{Dir: t.TempDir(), AccountID: Account})
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.Close()
	queues, topics := sqs.NewFromConfig(cloud.Config()), sns.NewFromConfig(cloud.Config())
	urls := map[string]string{}
	for _, name := range []string{endpoint, endpoint + "-undelivered"} {
		name = name[strings.LastIndex(name, ":")+1:]
		q, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
		if err != nil {
			t.Fatal(err)
		}
		urls[name] = aws.ToString(q.QueueUrl)
	}
	to, err := topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String(topic[strings.LastIndex(topic, ":")+1:])})
	if err != nil {
		t.Fatal(err)
	}
	attributes := map[string]string{}
	for _, name := range []string{"FilterPolicy", "RawMessageDelivery", "RedrivePolicy"} {
		attributes[name] = configured.Attributes[name]
	}
	if _, err := topics.Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: to.TopicArn, Protocol: aws.String("sqs"), Endpoint: &endpoint, Attributes: attributes,
	}); err != nil {
		t.Fatal(err)
	}
	queue := endpoint[strings.LastIndex(endpoint, ":")+1:]
	if _, err := queues.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: aws.String(urls[queue])}); err != nil {
		t.Fatal(err)
	}
	if _, err := topics.Publish(t.Context(), &sns.PublishInput{
		TopicArn: to.TopicArn, Message: aws.String(`{"it": "is an event"}`),
		MessageAttributes: map[string]snstypes.MessageAttributeValue{
			"type": {DataType: aws.String("String"), StringValue: aws.String("cat.llac.landing.validated.v1")},
		},
	}); err != nil {
		t.Fatal(err)
	}
	got, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(urls[queue+"-undelivered"]), WaitTimeSeconds: 5,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
	})
	if err != nil || len(got.Messages) != 1 || !strings.Contains(aws.ToString(got.Messages[0].Body), "is an event") {
		t.Errorf("the message is lost: received %+v, %v", got, err)
	}
}

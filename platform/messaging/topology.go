package messaging

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Declaration is the part of a service that the topology depends on: the event types that it consumes and emits.
type Declaration struct {
	Service  string
	Consumes []string
	Emits    []string
}

// TopologyOptions are the options of Deploy. `llac run` and the tests use the zero value.
type TopologyOptions struct {
	Visibility  time.Duration // of the queues; default 30 s. A consumer sets its own with every receive
	MaxReceives int           // number of receives after which a consumer gives up; default DefaultMaxReceives
	// OperatorEmits are the event types that operators may publish on the operator's topic.
	OperatorEmits []string
	// Observer is the name of a queue that receives every event, without a filter; empty: no such queue. It has no dead-letter
	// queue, because no data depend on it.
	Observer string
}

// DefaultMaxReceives is the number of receives after which a consumer gives a message up.
const DefaultMaxReceives = 5

// backstop is the number of receives beyond the consumer's limit after which SQS moves a message itself. SQS must move a
// message only if the consumer could not, because the message kills it each time. Two of the extra receives give the consumer a
// last chance to send the dead letter with a reason. The others are for receives that only put the message back (MaxWaits).
const backstop = 2 + MaxWaits

// MaxWaits is how often a message may be put back until a time that a portal asked for, without counting as a try.
const MaxWaits = 8

// RedriveAfter returns the maxReceiveCount of a queue whose consumer gives up after maxReceives.
func RedriveAfter(maxReceives int) int { return maxReceives + backstop }

const (
	// deadLetterRetention is SQS's maximum.
	deadLetterRetention = 14 * 24 * time.Hour
	// retention is how long an event waits for a service that is down. A message that SQS moves to the dead-letter queue keeps
	// its age, so that the daily sweep has two days to store a copy of it.
	retention = 12 * 24 * time.Hour
)

// Topology contains the addresses of the topics and queues of an environment.
type Topology struct {
	Env         string
	Topics      map[string]string // ARN by service, and by OperatorTopic
	Queues      map[string]string // URL by service; the observer's by its name
	DeadLetters map[string]string // URL by service
}

// Deploy creates the topics, queues, dead-letter queues and subscriptions of an environment. Each service's queue subscribes to
// the topics of the services that emit what it consumes, with a filter on the type. Deploy updates what exists. It is for the
// local cloud and tests; in the cloud, Terraform creates the same.
func Deploy(ctx context.Context, config aws.Config, env string, services []Declaration, o TopologyOptions) (*Topology, error) {
	if o.Visibility <= 0 {
		o.Visibility = 30 * time.Second
	}
	if o.MaxReceives <= 0 {
		o.MaxReceives = DefaultMaxReceives
	}
	d := deployment{
		sns: sns.NewFromConfig(config), sqs: sqs.NewFromConfig(config), env: env, options: o,
		topology: &Topology{Env: env, Topics: map[string]string{}, Queues: map[string]string{}, DeadLetters: map[string]string{}},
		arns:     map[string]string{},
	}
	var makes []func(context.Context) error
	makes = append(makes, func(ctx context.Context) error { return d.topic(ctx, OperatorTopic) })
	for _, s := range services {
		makes = append(makes, func(ctx context.Context) error { return d.topic(ctx, s.Service) },
			func(ctx context.Context) error { return d.queue(ctx, s.Service) })
	}
	if o.Observer != "" {
		makes = append(makes, d.observer)
	}
	if err := inParallel(ctx, makes); err != nil {
		return nil, err
	}
	var subscriptions []func(context.Context) error
	producers := append(slices.Clone(services), Declaration{Service: OperatorTopic, Emits: o.OperatorEmits})
	for _, producer := range producers {
		for _, consumer := range services {
			if common := intersect(producer.Emits, consumer.Consumes); len(common) > 0 {
				subscriptions = append(subscriptions, func(ctx context.Context) error {
					return d.subscribe(ctx, producer.Service, consumer.Service, common)
				})
			}
		}
		if o.Observer != "" {
			subscriptions = append(subscriptions, func(ctx context.Context) error {
				return d.subscribe(ctx, producer.Service, o.Observer, nil)
			})
		}
	}
	if err := inParallel(ctx, subscriptions); err != nil {
		return nil, err
	}
	return d.topology, nil
}

type deployment struct {
	sns     *sns.Client
	sqs     *sqs.Client
	env     string
	options TopologyOptions

	mu       sync.Mutex
	topology *Topology
	arns     map[string]string // of queues, by the name they have in topology.Queues
}

func (d *deployment) topic(ctx context.Context, service string) error {
	name := TopicName(d.env, service)
	out, err := d.sns.CreateTopic(ctx, &sns.CreateTopicInput{Name: &name})
	if err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	d.mu.Lock()
	d.topology.Topics[service] = aws.ToString(out.TopicArn)
	d.mu.Unlock()
	return nil
}

// queue creates a service's dead-letter queue, then its queue, whose redrive policy names the former.
func (d *deployment) queue(ctx context.Context, service string) error {
	dead, deadARN, err := d.ensureQueue(ctx, DeadLetterQueueName(d.env, service), map[string]string{
		string(types.QueueAttributeNameMessageRetentionPeriod): strconv.Itoa(int(deadLetterRetention / time.Second)),
	})
	if err != nil {
		return err
	}
	redrive, err := json.Marshal(map[string]string{
		"deadLetterTargetArn": deadARN, "maxReceiveCount": strconv.Itoa(RedriveAfter(d.options.MaxReceives))})
	if err != nil {
		return err
	}
	name := QueueName(d.env, service)
	url, arn, err := d.ensureQueue(ctx, name, map[string]string{
		string(types.QueueAttributeNameVisibilityTimeout):      strconv.Itoa(int(seconds(d.options.Visibility))),
		string(types.QueueAttributeNameRedrivePolicy):          string(redrive),
		string(types.QueueAttributeNameMessageRetentionPeriod): strconv.Itoa(int(retention / time.Second)),
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.topology.Queues[service], d.topology.DeadLetters[service], d.arns[service] = url, dead, arn
	d.mu.Unlock()
	return nil
}

func (d *deployment) observer(ctx context.Context) error {
	url, arn, err := d.ensureQueue(ctx, d.options.Observer, nil)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.topology.Queues[d.options.Observer], d.arns[d.options.Observer] = url, arn
	d.mu.Unlock()
	return nil
}

// ensureQueue creates a queue to which topics of its account may send, or sets the attributes of an existing one: CreateQueue
// refuses a queue that exists with other attributes.
func (d *deployment) ensureQueue(ctx context.Context, name string, attributes map[string]string) (url, arn string, err error) {
	found, err := d.sqs.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	exists := err == nil
	if exists {
		url = aws.ToString(found.QueueUrl)
	} else {
		out, err := d.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		if err != nil {
			return "", "", fmt.Errorf("create queue %s: %w", name, err)
		}
		url = aws.ToString(out.QueueUrl)
	}
	if arn, err = QueueARN(ctx, d.sqs, url); err != nil {
		return "", "", err
	}
	policy, err := queuePolicy(arn)
	if err != nil {
		return "", "", err
	}
	set := map[string]string{string(types.QueueAttributeNamePolicy): policy}
	for k, v := range attributes {
		set[k] = v
	}
	if _, err := d.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: set}); err != nil {
		return "", "", fmt.Errorf("set the attributes of queue %s: %w", name, err)
	}
	return url, arn, nil
}

// QueueARN returns the ARN of a queue.
func QueueARN(ctx context.Context, client *sqs.Client, url string) (string, error) {
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn}})
	if err != nil {
		return "", fmt.Errorf("get the ARN of queue %s: %w", lastOf(url), err)
	}
	return out.Attributes[string(types.QueueAttributeNameQueueArn)], nil
}

// queuePolicy returns a policy that allows Llac's topics of the same account and region to send to the queue.
func queuePolicy(queueARN string) (string, error) {
	topics, err := TopicARN(queueARN, "llac-*")
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(map[string]any{
		"Version": "2012-10-17",
		"Statement": []map[string]any{{
			"Sid": "TopicsOfLlac", "Effect": "Allow", "Principal": map[string]string{"Service": "sns.amazonaws.com"},
			"Action": "sqs:SendMessage", "Resource": queueARN,
			"Condition": map[string]any{"ArnLike": map[string]string{"aws:SourceArn": topics}},
		}},
	})
	return string(b), err
}

// subscribe subscribes a queue to a topic. SNS returns the existing subscription if it has the same attributes. It refuses the
// request if the attributes differ; subscribe then sets them.
func (d *deployment) subscribe(ctx context.Context, producer, consumer string, types []string) error {
	d.mu.Lock()
	topic, queue := d.topology.Topics[producer], d.arns[consumer]
	d.mu.Unlock()
	attributes := map[string]string{"RawMessageDelivery": "true"}
	if types != nil {
		filter, err := json.Marshal(map[string][]string{AttributeType: types})
		if err != nil {
			return err
		}
		attributes["FilterPolicy"] = string(filter)
	}
	_, err := d.sns.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: &queue, ReturnSubscriptionArn: true, Attributes: attributes})
	if err == nil {
		return nil
	}
	subscribed, found := d.subscription(ctx, topic, queue)
	if !found {
		return fmt.Errorf("subscribe queue %s to topic %s: %w", lastOf(queue), lastOf(topic), err)
	}
	for name, value := range attributes {
		if _, err := d.sns.SetSubscriptionAttributes(ctx, &sns.SetSubscriptionAttributesInput{
			SubscriptionArn: &subscribed, AttributeName: &name, AttributeValue: &value}); err != nil {
			return fmt.Errorf("set %s of the subscription of queue %s to topic %s: %w", name, lastOf(queue), lastOf(topic), err)
		}
	}
	return nil
}

// subscription finds the subscription of a queue to a topic.
func (d *deployment) subscription(ctx context.Context, topic, queue string) (string, bool) {
	pages := sns.NewListSubscriptionsByTopicPaginator(d.sns, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", false
		}
		for _, s := range page.Subscriptions {
			if aws.ToString(s.Endpoint) == queue {
				return aws.ToString(s.SubscriptionArn), true
			}
		}
	}
	return "", false
}

// inParallel runs all functions, at most eight at a time and each bounded in time. It returns the first error.
func inParallel(ctx context.Context, all []func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	free := make(chan struct{}, 8)
	for _, one := range all {
		free <- struct{}{}
		group.Go(func() {
			defer func() { <-free }()
			call, done := context.WithTimeout(ctx, 4*DefaultCallTimeout)
			defer done()
			if err := one(call); err != nil {
				cancel(err)
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// intersect returns the elements of a that are also in b.
func intersect(a, b []string) []string {
	var common []string
	for _, x := range a {
		if slices.Contains(b, x) {
			common = append(common, x)
		}
	}
	return common
}

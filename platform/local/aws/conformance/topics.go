package conformance

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

func (s *suite) topics(t *testing.T) {
	each(t, map[string]func(*testing.T){
		"create":                       s.topicCreate,
		"raw delivery and trace":       s.topicRaw,
		"fan-out":                      s.topicFanOut,
		"filters":                      s.topicFilters,
		"filter changes":               s.topicFilterChanges,
		"undeliverable to dead letter": s.topicDeadLetter,
		"subscriptions":                s.topicSubscriptions,
		"refusals":                     s.topicRefusals,
	})
}

func (s *suite) topic(t *testing.T, ctx context.Context) string {
	t.Helper()
	out := must[*sns.CreateTopicOutput](t, "create topic")(s.sns.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String(name("topic"))}))
	onCleanup(t, func(ctx context.Context) {
		_, _ = s.sns.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: out.TopicArn})
	})
	return *out.TopicArn
}

// subscribed creates a queue, allows the topic to send to it and subscribes it.
func (s *suite) subscribed(t *testing.T, ctx context.Context, topic string, attributes map[string]string) (url, subscription string) {
	t.Helper()
	url = s.queue(t, ctx, nil)
	arn := s.arn(t, ctx, url)
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},` +
		`"Action":"sqs:SendMessage","Resource":"` + arn + `"}]}`
	if _, err := s.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url,
		Attributes: map[string]string{"Policy": policy}}); err != nil {
		t.Fatalf("allow the topic: %v", err)
	}
	out := must[*sns.SubscribeOutput](t, "subscribe")(s.sns.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: &arn, Attributes: attributes, ReturnSubscriptionArn: true,
	}))
	return url, *out.SubscriptionArn
}

func (s *suite) publish(t *testing.T, ctx context.Context, topic, body string, attributes map[string]string) {
	t.Helper()
	in := &sns.PublishInput{TopicArn: &topic, Message: &body, MessageAttributes: map[string]types.MessageAttributeValue{}}
	for k, v := range attributes {
		in.MessageAttributes[k] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &v}
	}
	must[*sns.PublishOutput](t, "publish")(s.sns.Publish(ctx, in))
}

func (s *suite) topicCreate(t *testing.T) {
	ctx := within(t)
	n := name("topic")
	in := &sns.CreateTopicInput{Name: &n}
	first := must[*sns.CreateTopicOutput](t, "create")(s.sns.CreateTopic(ctx, in))
	onCleanup(t, func(ctx context.Context) {
		_, _ = s.sns.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: first.TopicArn})
	})
	again := must[*sns.CreateTopicOutput](t, "create again")(s.sns.CreateTopic(ctx, in))
	if *first.TopicArn != *again.TopicArn || !strings.HasSuffix(*first.TopicArn, ":"+n) {
		t.Errorf("ARNs %s, %s", *first.TopicArn, *again.TopicArn)
	}
	missing := *first.TopicArn + "-missing"
	_, err := s.sns.Publish(ctx, &sns.PublishInput{TopicArn: &missing, Message: aws.String("x")})
	if _, ok := errors.AsType[*types.NotFoundException](err); !ok {
		t.Errorf("publish to a missing topic: %v, want NotFound", err)
	}
}

// traceHeader sets the header that SNS turns into a system attribute.
func traceHeader(value string) func(*sns.Options) {
	return func(o *sns.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Build.Add(middleware.BuildMiddlewareFunc("trace", func(ctx context.Context, in middleware.BuildInput,
				next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
				in.Request.(*smithyhttp.Request).Header.Set("X-Amzn-Trace-Id", value)
				return next.HandleBuild(ctx, in)
			}), middleware.After)
		})
	}
}

func (s *suite) topicRaw(t *testing.T) {
	ctx := within(t)
	topic := s.topic(t, ctx)
	url, _ := s.subscribed(t, ctx, topic, map[string]string{"RawMessageDelivery": "true"})
	const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	body := `{"specversion":"1.0","data":{"name":"Castellví & Cia <\"à\">"}}`
	attributes := map[string]types.MessageAttributeValue{"type": {DataType: aws.String("String"),
		StringValue: aws.String("cat.llac.landing.written.v1")}}
	must[*sns.PublishOutput](t, "publish")(s.sns.Publish(ctx, &sns.PublishInput{
		TargetArn: &topic, Message: &body, MessageAttributes: attributes, // watermill names the topic in TargetArn
	}, traceHeader(trace)))
	m := s.receive(t, ctx, url, 1)[0]
	if *m.Body != body {
		t.Errorf("body %q, want %q", *m.Body, body)
	}
	if v := m.MessageAttributes["type"]; aws.ToString(v.StringValue) != "cat.llac.landing.written.v1" ||
		aws.ToString(v.DataType) != "String" {
		t.Errorf("attribute type is %v", v)
	}
	if s.Has.TraceHeader && m.Attributes["AWSTraceHeader"] != trace {
		t.Errorf("AWSTraceHeader %q, want %q", m.Attributes["AWSTraceHeader"], trace)
	}
}

func (s *suite) topicFanOut(t *testing.T) {
	ctx := within(t)
	topic := s.topic(t, ctx)
	raw := map[string]string{"RawMessageDelivery": "true"}
	a, _ := s.subscribed(t, ctx, topic, raw)
	b, _ := s.subscribed(t, ctx, topic, raw)
	s.publish(t, ctx, topic, "to both", nil)
	for _, url := range []string{a, b} {
		if got := bodies(s.receive(t, ctx, url, 1)); got[0] != "to both" {
			t.Errorf("received %v", got)
		}
	}
}

func (s *suite) topicFilters(t *testing.T) {
	ctx := within(t)
	topic := s.topic(t, ctx)
	messages := map[string]map[string]string{
		"landing": {"type": "cat.llac.landing.written.v1", "dataset": "municipalities"},
		"staging": {"type": "cat.llac.staging.published.v1", "dataset": "population"},
		"nothing": {},
	}
	cases := map[string]struct {
		policy string
		pass   []string // bodies of the messages that pass
	}{
		"one value":   {`{"type":["cat.llac.landing.written.v1"]}`, []string{"landing"}},
		"two values":  {`{"type":["cat.llac.landing.written.v1","cat.llac.staging.published.v1","other"]}`, []string{"landing", "staging"}},
		"two keys":    {`{"type":["cat.llac.landing.written.v1"],"dataset":["population"]}`, nil},
		"other value": {`{"type":["other"]}`, nil},
	}
	urls := map[string]string{}
	for n, c := range cases {
		urls[n], _ = s.subscribed(t, ctx, topic, map[string]string{"RawMessageDelivery": "true", "FilterPolicy": c.policy})
	}
	for body, attributes := range messages {
		s.publish(t, ctx, topic, body, attributes)
	}
	for n, c := range cases {
		if got := bodies(s.receiveFor(t, ctx, n, urls[n], len(c.pass))); !slices.Equal(got, c.pass) {
			t.Errorf("%s: %s passes %v, want %v", n, c.policy, got, c.pass)
		}
		if more := s.receiveNow(t, ctx, urls[n]); len(more) != 0 {
			t.Errorf("%s: %s also passes %v", n, c.policy, bodies(more))
		}
	}
}

func (s *suite) topicFilterChanges(t *testing.T) {
	ctx := within(t)
	topic := s.topic(t, ctx)
	url, subscription := s.subscribed(t, ctx, topic, map[string]string{"RawMessageDelivery": "true"})
	for k, v := range map[string]string{"FilterPolicy": `{"type":["a"]}`, "RawMessageDelivery": "true"} {
		if _, err := s.sns.SetSubscriptionAttributes(ctx, &sns.SetSubscriptionAttributesInput{SubscriptionArn: &subscription,
			AttributeName: &k, AttributeValue: &v}); err != nil {
			t.Fatal(err)
		}
	}
	s.publish(t, ctx, topic, "no", map[string]string{"type": "b"})
	s.publish(t, ctx, topic, "yes", map[string]string{"type": "a"})
	if got := bodies(s.receive(t, ctx, url, 1)); got[0] != "yes" {
		t.Errorf("received %v", got)
	}
}

func (s *suite) topicDeadLetter(t *testing.T) {
	need(t, s.Has.SubscriptionDeadLetter, "dead-letter queues of subscriptions")
	ctx := within(t)
	topic := s.topic(t, ctx)
	deadURL := s.queue(t, ctx, nil)
	url, _ := s.subscribed(t, ctx, topic, map[string]string{"RawMessageDelivery": "true", "RedrivePolicy": `{"deadLetterTargetArn":"` +
		s.arn(t, ctx, deadURL) + `"}`})
	if _, err := s.sqs.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &url}); err != nil {
		t.Fatal(err)
	}
	s.publish(t, ctx, topic, "nowhere to go", nil)
	if got := bodies(s.receive(t, ctx, deadURL, 1)); got[0] != "nowhere to go" {
		t.Errorf("dead letter %v", got)
	}
}

func (s *suite) topicSubscriptions(t *testing.T) {
	ctx := within(t)
	topic := s.topic(t, ctx)
	url, subscription := s.subscribed(t, ctx, topic, map[string]string{"RawMessageDelivery": "true"})
	arn := s.arn(t, ctx, url)
	again := must[*sns.SubscribeOutput](t, "subscribe again")(s.sns.Subscribe(ctx, &sns.SubscribeInput{TopicArn: &topic,
		Protocol: aws.String("sqs"), Endpoint: &arn, ReturnSubscriptionArn: true,
		Attributes: map[string]string{"RawMessageDelivery": "true"}}))
	if *again.SubscriptionArn != subscription {
		t.Errorf("the same subscription twice: %s, %s", subscription, *again.SubscriptionArn)
	}
	list := must[*sns.ListSubscriptionsByTopicOutput](t, "list")(s.sns.ListSubscriptionsByTopic(ctx,
		&sns.ListSubscriptionsByTopicInput{TopicArn: &topic}))
	if len(list.Subscriptions) != 1 || *list.Subscriptions[0].Endpoint != arn || *list.Subscriptions[0].SubscriptionArn != subscription {
		t.Errorf("subscriptions %v", list.Subscriptions)
	}
}

func (s *suite) topicRefusals(t *testing.T) {
	ctx := within(t)
	topic := s.topic(t, ctx)
	if _, err := s.sns.Publish(ctx, &sns.PublishInput{TopicArn: &topic, Message: aws.String(strings.Repeat("x", 256<<10+1))}); code(
		err) != "InvalidParameter" {
		t.Errorf("a message over 256 KiB: code %q, want InvalidParameter", code(err))
	}
	url := s.queue(t, ctx, nil)
	arn := s.arn(t, ctx, url)
	_, err := s.sns.Subscribe(ctx, &sns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: &arn,
		Attributes: map[string]string{"FilterPolicy": `{"type":[{"nonsense":1}]}`}})
	if code(err) != "InvalidParameter" {
		t.Errorf("unknown operator: %v, want InvalidParameter", err)
	}
}

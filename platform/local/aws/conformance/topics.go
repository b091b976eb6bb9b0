package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
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
		"topic life":                   s.topicLife,
		"raw delivery and trace":       s.topicRaw,
		"wrapped delivery":             s.topicWrapped,
		"fan-out":                      s.topicFanOut,
		"publish batch":                s.topicBatch,
		"filter on attributes":         s.topicFilterAttributes,
		"filter on body":               s.topicFilterBody,
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

// subscribed makes a queue, lets the topic write to it and subscribes it.
func (s *suite) subscribed(t *testing.T, ctx context.Context, topic string, attributes map[string]string) (url, subscription string) {
	t.Helper()
	url = s.queue(t, ctx, nil)
	arn := s.arn(t, ctx, url)
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"` + arn + `"}]}`
	if _, err := s.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{"Policy": policy}}); err != nil {
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
		kind := "String"
		if _, err := strconv.ParseFloat(v, 64); err == nil {
			kind = "Number"
		}
		if strings.HasPrefix(v, "[") {
			kind = "String.Array"
		}
		in.MessageAttributes[k] = types.MessageAttributeValue{DataType: &kind, StringValue: &v}
	}
	must[*sns.PublishOutput](t, "publish")(s.sns.Publish(ctx, in))
}

func (s *suite) topicLife(t *testing.T) {
	ctx := within(t)
	n := name("topic")
	in := &sns.CreateTopicInput{Name: &n, Attributes: map[string]string{"DisplayName": "Llac"}, Tags: []types.Tag{{Key: aws.String("project"), Value: aws.String("llac")}}}
	first := must[*sns.CreateTopicOutput](t, "create")(s.sns.CreateTopic(ctx, in))
	onCleanup(t, func(ctx context.Context) {
		_, _ = s.sns.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: first.TopicArn})
	})
	again := must[*sns.CreateTopicOutput](t, "create again")(s.sns.CreateTopic(ctx, in))
	if *first.TopicArn != *again.TopicArn || !strings.HasSuffix(*first.TopicArn, ":"+n) {
		t.Errorf("ARNs %s, %s", *first.TopicArn, *again.TopicArn)
	}
	attributes := must[*sns.GetTopicAttributesOutput](t, "attributes")(s.sns.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: first.TopicArn}))
	if attributes.Attributes["DisplayName"] != "Llac" || attributes.Attributes["TopicArn"] != *first.TopicArn {
		t.Errorf("attributes %v", attributes.Attributes)
	}
	tags := must[*sns.ListTagsForResourceOutput](t, "tags")(s.sns.ListTagsForResource(ctx, &sns.ListTagsForResourceInput{ResourceArn: first.TopicArn}))
	if len(tags.Tags) != 1 || *tags.Tags[0].Value != "llac" {
		t.Errorf("tags %v", tags.Tags)
	}
	var all []string
	for pages := sns.NewListTopicsPaginator(s.sns, &sns.ListTopicsInput{}); pages.HasMorePages(); {
		for _, topic := range must[*sns.ListTopicsOutput](t, "list")(pages.NextPage(ctx)).Topics {
			all = append(all, *topic.TopicArn)
		}
	}
	if !slices.Contains(all, *first.TopicArn) {
		t.Error("not in the list of topics")
	}
	if _, err := s.sns.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: first.TopicArn}); err != nil {
		t.Fatal(err)
	}
	_, err := s.sns.Publish(ctx, &sns.PublishInput{TopicArn: first.TopicArn, Message: aws.String("x")})
	if _, ok := errors.AsType[*types.NotFoundException](err); !ok {
		t.Errorf("publish to a deleted topic: %v, want NotFound", err)
	}
}

// traceHeader sets the header that SNS turns into a system attribute.
func traceHeader(value string) func(*sns.Options) {
	return func(o *sns.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Build.Add(middleware.BuildMiddlewareFunc("trace", func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
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
	attributes := map[string]types.MessageAttributeValue{"type": {DataType: aws.String("String"), StringValue: aws.String("cat.llac.landing.written.v1")}}
	if s.Has.RawBinary {
		attributes["digest"] = types.MessageAttributeValue{DataType: aws.String("Binary"), BinaryValue: []byte{0, 255}}
	}
	must[*sns.PublishOutput](t, "publish")(s.sns.Publish(ctx, &sns.PublishInput{
		TargetArn: &topic, Message: &body, MessageAttributes: attributes, // TargetArn is how watermill names the topic
	}, traceHeader(trace)))
	m := s.receive(t, ctx, url, 1)[0]
	if *m.Body != body {
		t.Errorf("body %q, want %q", *m.Body, body)
	}
	if v := m.MessageAttributes["type"]; aws.ToString(v.StringValue) != "cat.llac.landing.written.v1" || aws.ToString(v.DataType) != "String" {
		t.Errorf("attribute type is %v", v)
	}
	if v := m.MessageAttributes["digest"]; s.Has.RawBinary && string(v.BinaryValue) != "\x00\xff" {
		t.Errorf("attribute digest is %v", v)
	}
	if s.Has.TraceHeader && m.Attributes["AWSTraceHeader"] != trace {
		t.Errorf("AWSTraceHeader %q, want %q", m.Attributes["AWSTraceHeader"], trace)
	}
}

func (s *suite) topicWrapped(t *testing.T) {
	ctx := within(t)
	topic := s.topic(t, ctx)
	url, _ := s.subscribed(t, ctx, topic, nil)
	out := must[*sns.PublishOutput](t, "publish")(s.sns.Publish(ctx, &sns.PublishInput{
		TopicArn: &topic, Message: aws.String("hola"), Subject: aws.String("prova"),
		MessageAttributes: map[string]types.MessageAttributeValue{"type": {DataType: aws.String("String"), StringValue: aws.String("t")}},
	}))
	m := s.receive(t, ctx, url, 1)[0]
	var n struct {
		Type, MessageId, TopicArn, Subject, Message, Timestamp string
		MessageAttributes                                      map[string]struct{ Type, Value string }
	}
	if err := json.Unmarshal([]byte(*m.Body), &n); err != nil {
		t.Fatalf("the body is no JSON: %v", err)
	}
	if n.Type != "Notification" || n.MessageId != *out.MessageId || n.TopicArn != topic || n.Subject != "prova" || n.Message != "hola" || n.Timestamp == "" || n.MessageAttributes["type"].Value != "t" {
		t.Errorf("notification %+v", n)
	}
	if len(m.MessageAttributes) != 0 {
		t.Errorf("attributes outside the notification: %v", m.MessageAttributes)
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

func (s *suite) topicBatch(t *testing.T) {
	ctx := within(t)
	topic := s.topic(t, ctx)
	url, _ := s.subscribed(t, ctx, topic, map[string]string{"RawMessageDelivery": "true"})
	var entries []types.PublishBatchRequestEntry
	var want []string
	for i := range 10 {
		id := strconv.Itoa(i)
		want = append(want, "message "+id)
		entries = append(entries, types.PublishBatchRequestEntry{Id: &id, Message: aws.String("message " + id),
			MessageAttributes: map[string]types.MessageAttributeValue{"n": {DataType: aws.String("Number"), StringValue: &id}}})
	}
	out := must[*sns.PublishBatchOutput](t, "publish batch")(s.sns.PublishBatch(ctx, &sns.PublishBatchInput{TopicArn: &topic, PublishBatchRequestEntries: entries}))
	if len(out.Successful) != 10 || len(out.Failed) != 0 {
		t.Errorf("published %d, failed %d", len(out.Successful), len(out.Failed))
	}
	got := s.receive(t, ctx, url, 10)
	if !slices.Equal(bodies(got), want) || got[0].MessageAttributes["n"].StringValue == nil {
		t.Errorf("received %v", bodies(got))
	}
	_, err := s.sns.PublishBatch(ctx, &sns.PublishBatchInput{TopicArn: &topic, PublishBatchRequestEntries: []types.PublishBatchRequestEntry{entries[0], entries[0]}})
	if _, ok := errors.AsType[*types.BatchEntryIdsNotDistinctException](err); !ok {
		t.Errorf("the same id twice: %v", err)
	}
}

// filterCase is a policy and the messages that it lets through.
type filterCase struct {
	policy string
	pass   []string // keys of the messages sent
}

func (s *suite) topicFilterAttributes(t *testing.T) {
	ctx := within(t)
	topic := s.topic(t, ctx)
	messages := map[string]map[string]string{
		"landing": {"type": "cat.llac.landing.written.v1", "dataset": "municipalities", "rows": "947"},
		"staging": {"type": "cat.llac.staging.published.v1", "dataset": "population", "rows": "1894.5"},
		"list":    {"type": `["cat.llac.run.failed.v1","cat.llac.landing.written.v1"]`},
		"nothing": {},
	}
	cases := map[string]filterCase{
		"exact":           {`{"type":["cat.llac.landing.written.v1","other"]}`, []string{"landing", "list"}},
		"prefix":          {`{"type":[{"prefix":"cat.llac.staging."}]}`, []string{"staging"}},
		"suffix":          {`{"type":[{"suffix":".published.v1"}]}`, []string{"staging"}},
		"anything-but":    {`{"dataset":[{"anything-but":["population"]}]}`, []string{"landing"}},
		"exists":          {`{"dataset":[{"exists":true}]}`, []string{"landing", "staging"}},
		"exists not":      {`{"dataset":[{"exists":false}]}`, []string{"list", "nothing"}},
		"numeric":         {`{"rows":[{"numeric":[">",1000,"<=",1894.5]}]}`, []string{"staging"}},
		"numeric equal":   {`{"rows":[{"numeric":["=",947]}]}`, []string{"landing"}},
		"and of two keys": {`{"dataset":["municipalities","population"],"rows":[{"numeric":["<",1000]}]}`, []string{"landing"}},
		"or":              {`{"$or":[{"dataset":["municipalities"]},{"rows":[{"numeric":[">",1000]}]}]}`, []string{"landing", "staging"}},
	}
	s.filters(t, ctx, topic, "MessageAttributes", cases, func() {
		for body, attributes := range messages {
			s.publish(t, ctx, topic, body, attributes)
		}
	})
}

func (s *suite) topicFilterBody(t *testing.T) {
	ctx := within(t)
	topic := s.topic(t, ctx)
	cases := map[string]filterCase{
		"nested":   {`{"data":{"dataset":["population"]}}`, []string{`{"data":{"dataset":"population","rows":12}}`}},
		"numeric":  {`{"data":{"rows":[{"numeric":[">=",100]}]}}`, []string{`{"data":{"dataset":"municipalities","rows":947}}`}},
		"in array": {`{"tags":["b"]}`, []string{`{"tags":["a","b"]}`}},
	}
	if s.Has.FilterNull {
		cases["null"] = filterCase{`{"slice":[null]}`, []string{`{"slice":null}`}}
	}
	s.filters(t, ctx, topic, "MessageBody", cases, func() {
		for _, body := range []string{`{"data":{"dataset":"population","rows":12}}`, `{"data":{"dataset":"municipalities","rows":947}}`, `{"tags":["a","b"]}`, `{"slice":null}`} {
			s.publish(t, ctx, topic, body, nil)
		}
	})
}

// filters subscribes a queue for each case, publishes, and checks what came through.
func (s *suite) filters(t *testing.T, ctx context.Context, topic, scope string, cases map[string]filterCase, publish func()) {
	urls := map[string]string{}
	for n, c := range cases {
		urls[n], _ = s.subscribed(t, ctx, topic, map[string]string{"RawMessageDelivery": "true", "FilterPolicy": c.policy, "FilterPolicyScope": scope})
	}
	publish()
	for n, c := range cases {
		slices.Sort(c.pass)
		if got := bodies(s.receiveFor(t, ctx, n, urls[n], len(c.pass))); !slices.Equal(got, c.pass) {
			t.Errorf("%s: %s lets %v through, want %v", n, c.policy, got, c.pass)
		}
		if more := s.receiveNow(t, ctx, urls[n]); len(more) != 0 {
			t.Errorf("%s: %s lets also %v through", n, c.policy, bodies(more))
		}
	}
}

func (s *suite) topicFilterChanges(t *testing.T) {
	ctx := within(t)
	topic := s.topic(t, ctx)
	url, subscription := s.subscribed(t, ctx, topic, map[string]string{"RawMessageDelivery": "true"})
	for k, v := range map[string]string{"FilterPolicy": `{"type":["a"]}`, "RawMessageDelivery": "true"} {
		if _, err := s.sns.SetSubscriptionAttributes(ctx, &sns.SetSubscriptionAttributesInput{SubscriptionArn: &subscription, AttributeName: &k, AttributeValue: &v}); err != nil {
			t.Fatal(err)
		}
	}
	got := must[*sns.GetSubscriptionAttributesOutput](t, "attributes")(s.sns.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: &subscription})).Attributes
	if got["FilterPolicy"] != `{"type":["a"]}` || got["RawMessageDelivery"] != "true" || got["Protocol"] != "sqs" || got["TopicArn"] != topic {
		t.Errorf("attributes %v", got)
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
	url, _ := s.subscribed(t, ctx, topic, map[string]string{"RawMessageDelivery": "true", "RedrivePolicy": `{"deadLetterTargetArn":"` + s.arn(t, ctx, deadURL) + `"}`})
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
	again := must[*sns.SubscribeOutput](t, "subscribe again")(s.sns.Subscribe(ctx, &sns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: &arn, ReturnSubscriptionArn: true, Attributes: map[string]string{"RawMessageDelivery": "true"}}))
	if *again.SubscriptionArn != subscription {
		t.Errorf("the same subscription twice: %s, %s", subscription, *again.SubscriptionArn)
	}
	list := must[*sns.ListSubscriptionsByTopicOutput](t, "list")(s.sns.ListSubscriptionsByTopic(ctx, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic}))
	if len(list.Subscriptions) != 1 || *list.Subscriptions[0].Endpoint != arn || *list.Subscriptions[0].SubscriptionArn != subscription {
		t.Errorf("subscriptions %v", list.Subscriptions)
	}
	if _, err := s.sns.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: &subscription}); err != nil {
		t.Fatal(err)
	}
	list = must[*sns.ListSubscriptionsByTopicOutput](t, "list")(s.sns.ListSubscriptionsByTopic(ctx, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic}))
	if len(list.Subscriptions) != 0 {
		t.Errorf("subscriptions after unsubscribing: %v", list.Subscriptions)
	}
	s.publish(t, ctx, topic, "nobody", nil)
	if got := s.receiveNow(t, ctx, url); len(got) != 0 {
		t.Error("received without a subscription")
	}
}

func (s *suite) topicRefusals(t *testing.T) {
	ctx := within(t)
	topic := s.topic(t, ctx)
	if _, err := s.sns.Publish(ctx, &sns.PublishInput{TopicArn: &topic, Message: aws.String(strings.Repeat("x", 256<<10+1))}); code(err) != "InvalidParameter" {
		t.Errorf("a message over 256 KiB: code %q, want InvalidParameter", code(err))
	}
	url := s.queue(t, ctx, nil)
	arn := s.arn(t, ctx, url)
	_, err := s.sns.Subscribe(ctx, &sns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: &arn, Attributes: map[string]string{"FilterPolicy": `{"type":[{"nonsense":1}]}`}})
	if code(err) != "InvalidParameter" {
		t.Errorf("unknown operator: %v, want InvalidParameter", err)
	}
}

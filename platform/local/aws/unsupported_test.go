package aws_test

import (
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/platform/local/aws"
)

// TestUnsupportedRequestsAreRefused sends requests that AWS supports and Llac never sends. The error must name what is not
// supported. If the local cloud ignored a parameter, it would differ from AWS without notice.
func TestUnsupportedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	c := open(t, aws.Options{Dir: t.TempDir(), Buckets: []string{"data"}})
	ctx := t.Context()
	url := c.queue(t, "work", nil)
	topic, _ := c.subscribe(t, "events", "subscribed", nil)
	endpoint := awssdk.String(c.QueueARN("work"))
	raw := map[string]string{"RawMessageDelivery": "true"}
	subscribe := func(name, value string) error {
		attributes := map[string]string{"RawMessageDelivery": "true", name: value}
		in := &sns.SubscribeInput{TopicArn: &topic, Protocol: awssdk.String("sqs"), Endpoint: endpoint, Attributes: attributes}
		_, err := c.sns.Subscribe(ctx, in)
		return err
	}
	createQueue := func(name, attribute, value string) error {
		_, err := c.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{attribute: value}})
		return err
	}
	send := func(in sqs.SendMessageInput) error {
		in.QueueUrl, in.MessageBody = &url, awssdk.String("x")
		_, err := c.sqs.SendMessage(ctx, &in)
		return err
	}
	publish := func(in sns.PublishInput) error {
		in.TopicArn, in.Message = &topic, awssdk.String("x")
		_, err := c.sns.Publish(ctx, &in)
		return err
	}
	cases := map[string]struct {
		err   error
		names string
	}{
		"queue attribute": {createQueue("q", "DelaySeconds", "5"), "DelaySeconds"},
		"FIFO queue":      {createQueue("q.fifo", "VisibilityTimeout", "5"), "FIFO"},
		"delayed message": {send(sqs.SendMessageInput{DelaySeconds: 5}), "DelaySeconds"},
		"binary attribute of a message": {send(sqs.SendMessageInput{MessageAttributes: map[string]types.MessageAttributeValue{
			"a": {DataType: awssdk.String("Binary"), BinaryValue: []byte("x")}}}), "BinaryValue"},
		"number attribute of a message": {send(sqs.SendMessageInput{MessageAttributes: map[string]types.MessageAttributeValue{
			"a": {DataType: awssdk.String("Number"), StringValue: awssdk.String("1")}}}), "Number"},
		"wrapped delivery":  {subscribe("RawMessageDelivery", "false"), "RawMessageDelivery"},
		"filter scope":      {subscribe("FilterPolicyScope", "MessageBody"), "FilterPolicyScope"},
		"filter operator":   {subscribe("FilterPolicy", `{"type":[{"prefix":"cat."}]}`), "FilterPolicy"},
		"subject":           {publish(sns.PublishInput{Subject: awssdk.String("s")}), "Subject"},
		"message structure": {publish(sns.PublishInput{MessageStructure: awssdk.String("json")}), "MessageStructure"},
		"binary attribute of a publication": {publish(sns.PublishInput{MessageAttributes: map[string]snstypes.MessageAttributeValue{
			"a": {DataType: awssdk.String("Binary"), BinaryValue: []byte("x")}}}), "Binary"},
	}
	add := func(name string, err error, names string) {
		cases[name] = struct {
			err   error
			names string
		}{err, names}
	}
	_, err := c.sqs.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &url})
	add("PurgeQueue", err, "PurgeQueue")
	_, err = c.sqs.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: endpoint})
	add("StartMessageMoveTask", err, "StartMessageMoveTask")
	_, err = c.sns.CreateTopic(ctx, &sns.CreateTopicInput{Name: awssdk.String("t.fifo")})
	add("FIFO topic", err, "FIFO")
	_, err = c.sns.Subscribe(ctx, &sns.SubscribeInput{TopicArn: &topic, Protocol: awssdk.String("email"), Endpoint: endpoint,
		Attributes: raw})
	add("email", err, "email")
	_, err = c.sns.ListTopics(ctx, &sns.ListTopicsInput{})
	add("ListTopics", err, "ListTopics")
	_, err = c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: awssdk.String("data"), Key: awssdk.String("from"),
		Body: strings.NewReader("x")})
	if err != nil {
		t.Fatal(err)
	}
	copying := &s3.CopyObjectInput{Bucket: awssdk.String("data"), Key: awssdk.String("to"), CopySource: awssdk.String("data/from")}
	_, err = c.s3.CopyObject(ctx, copying)
	add("CopyObject", err, "NotImplemented")
	_, err = c.s3.ListBuckets(ctx, &s3.ListBucketsInput{})
	add("ListBuckets", err, "NotImplemented")
	for name, test := range cases {
		if test.err == nil || !strings.Contains(test.err.Error(), test.names) {
			t.Errorf("%s: %v, want an error that contains %q", name, test.err, test.names)
		}
	}
}

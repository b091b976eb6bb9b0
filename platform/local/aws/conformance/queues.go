package conformance

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func (s *suite) queues(t *testing.T) {
	each(t, map[string]func(*testing.T){
		"create is idempotent and conflicts": s.queueCreate,
		"attributes":                         s.queueAttributes,
		"list":                               s.queueList,
		"round trip with attributes":         s.queueRoundTrip,
		"batch partial failure":              s.queueBatch,
		"batch refusals":                     s.queueBatchRefusals,
		"limits":                             s.queueLimits,
		"input checks":                       s.queueInputChecks,
		"message of 1 MiB":                   s.queueLargeMessage,
		"visibility timeout and counts":      s.queueVisibility,
		"change visibility":                  s.queueChangeVisibility,
		"change visibility not in flight":    s.queueNotInFlight,
		"stale handle":                       s.queueStaleHandle,
		"long poll wakes":                    s.queueLongPoll,
		"redrive to dead-letter queue":       s.queueRedrive,
	})
}

// queue creates a queue and returns its URL.
func (s *suite) queue(t *testing.T, ctx context.Context, attributes map[string]string) string {
	t.Helper()
	out := must[*sqs.CreateQueueOutput](t, "create queue")(s.sqs.CreateQueue(ctx,
		&sqs.CreateQueueInput{QueueName: aws.String(name("queue")), Attributes: attributes}))
	onCleanup(t, func(ctx context.Context) {
		_, _ = s.sqs.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: out.QueueUrl})
	})
	return *out.QueueUrl
}

func (s *suite) attribute(t *testing.T, ctx context.Context, url string, n types.QueueAttributeName) string {
	t.Helper()
	out := must[*sqs.GetQueueAttributesOutput](t, "get "+string(n))(s.sqs.GetQueueAttributes(ctx,
		&sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{n}}))
	return out.Attributes[string(n)]
}

func (s *suite) arn(t *testing.T, ctx context.Context, url string) string {
	t.Helper()
	return s.attribute(t, ctx, url, types.QueueAttributeNameQueueArn)
}

// redriveQueue creates a queue with a dead-letter queue.
func (s *suite) redriveQueue(t *testing.T, ctx context.Context, maxReceives int) (url, deadURL string) {
	t.Helper()
	deadURL = s.queue(t, ctx, nil)
	policy := `{"deadLetterTargetArn":"` + s.arn(t, ctx, deadURL) + `","maxReceiveCount":"` + strconv.Itoa(maxReceives) + `"}`
	return s.queue(t, ctx, map[string]string{"RedrivePolicy": policy, "VisibilityTimeout": "30"}), deadURL
}

func (s *suite) send(t *testing.T, ctx context.Context, url string, bodies ...string) {
	t.Helper()
	for _, b := range bodies {
		must[*sqs.SendMessageOutput](t, "send")(s.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &b}))
	}
}

// receive waits for n messages, with all their attributes.
func (s *suite) receive(t *testing.T, ctx context.Context, url string, n int) []types.Message {
	t.Helper()
	return s.receiveFor(t, ctx, "messages", url, n)
}

// receiveFor is receive with a name for the error message.
func (s *suite) receiveFor(t *testing.T, ctx context.Context, what, url string, n int) []types.Message {
	t.Helper()
	var got []types.Message
	for end := time.Now().Add(patience); len(got) < n && time.Now().Before(end); {
		out := must[*sqs.ReceiveMessageOutput](t, "receive")(s.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &url, MaxNumberOfMessages: 10, WaitTimeSeconds: 2, MessageAttributeNames: []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		}))
		got = append(got, out.Messages...)
	}
	if len(got) != n {
		t.Fatalf("%s: received %d messages, want %d", what, len(got), n)
	}
	return got
}

// receiveNow receives visible messages without waiting.
func (s *suite) receiveNow(t *testing.T, ctx context.Context, url string) []types.Message {
	t.Helper()
	return must[*sqs.ReceiveMessageOutput](t, "receive")(s.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: 10, MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameAll},
	})).Messages
}

func (s *suite) release(t *testing.T, ctx context.Context, url string, m types.Message) {
	t.Helper()
	if _, err := s.sqs.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle,
		VisibilityTimeout: 0}); err != nil {
		t.Fatalf("make visible: %v", err)
	}
}

func count(m types.Message) string { return m.Attributes["ApproximateReceiveCount"] }

func bodies(messages []types.Message) []string {
	var out []string
	for _, m := range messages {
		out = append(out, *m.Body)
	}
	slices.Sort(out)
	return out
}

func (s *suite) queueCreate(t *testing.T) {
	ctx := within(t)
	n := name("queue")
	in := &sqs.CreateQueueInput{QueueName: &n, Attributes: map[string]string{"VisibilityTimeout": "40"}}
	first := must[*sqs.CreateQueueOutput](t, "create")(s.sqs.CreateQueue(ctx, in))
	onCleanup(t, func(ctx context.Context) {
		_, _ = s.sqs.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: first.QueueUrl})
	})
	again := must[*sqs.CreateQueueOutput](t, "create again")(s.sqs.CreateQueue(ctx, in))
	if *again.QueueUrl != *first.QueueUrl {
		t.Errorf("the same queue has two URLs: %s, %s", *first.QueueUrl, *again.QueueUrl)
	}
	_, err := s.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &n, Attributes: map[string]string{"VisibilityTimeout": "41"}})
	if _, ok := errors.AsType[*types.QueueNameExists](err); !ok {
		t.Errorf("other attributes: %v, want QueueNameExists", err)
	}
	if found := must[*sqs.GetQueueUrlOutput](t, "find")(s.sqs.GetQueueUrl(ctx,
		&sqs.GetQueueUrlInput{QueueName: &n})); *found.QueueUrl != *first.QueueUrl {
		t.Errorf("GetQueueUrl returns %s", *found.QueueUrl)
	}
	_, err = s.sqs.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(name("missing"))})
	if _, ok := errors.AsType[*types.QueueDoesNotExist](err); !ok {
		t.Errorf("missing queue: %v, want QueueDoesNotExist", err)
	}
}

func (s *suite) queueAttributes(t *testing.T) {
	ctx := within(t)
	url := s.queue(t, ctx, nil)
	for n, want := range map[types.QueueAttributeName]string{"VisibilityTimeout": "30", "MessageRetentionPeriod": "345600"} {
		if got := s.attribute(t, ctx, url, n); got != want {
			t.Errorf("default %s is %q, want %q", n, got, want)
		}
	}
	if arn := s.arn(t, ctx, url); !strings.HasPrefix(arn, "arn:aws:sqs:") ||
		!strings.HasSuffix(arn, url[strings.LastIndexByte(url, '/')+1:]) {
		t.Errorf("ARN %q", arn)
	}
	if _, err := s.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url,
		Attributes: map[string]string{"VisibilityTimeout": "7", "Policy": `{"Version":"2012-10-17","Statement":[]}`}}); err != nil {
		t.Fatalf("set: %v", err)
	}
	if got := s.attribute(t, ctx, url, "VisibilityTimeout"); got != "7" {
		t.Errorf("VisibilityTimeout is %q after setting 7", got)
	}
	s.send(t, ctx, url, "a", "b", "c")
	one := must[*sqs.ReceiveMessageOutput](t, "receive")(s.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url,
		WaitTimeSeconds: 2}))
	if len(one.Messages) != 1 {
		t.Fatalf("received %d messages without MaxNumberOfMessages, want 1", len(one.Messages))
	}
	for n, want := range map[types.QueueAttributeName]string{"ApproximateNumberOfMessages": "2",
		"ApproximateNumberOfMessagesNotVisible": "1", "ApproximateNumberOfMessagesDelayed": "0"} {
		if got := s.attribute(t, ctx, url, n); got != want {
			t.Errorf("%s is %q, want %q", n, got, want)
		}
	}
}

func (s *suite) queueList(t *testing.T) {
	ctx := within(t)
	prefix := name("list")
	for _, suffix := range []string{"-b", "-a"} {
		out := must[*sqs.CreateQueueOutput](t, "create")(s.sqs.CreateQueue(ctx,
			&sqs.CreateQueueInput{QueueName: aws.String(prefix + suffix)}))
		onCleanup(t, func(ctx context.Context) {
			_, _ = s.sqs.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: out.QueueUrl})
		})
	}
	out := must[*sqs.ListQueuesOutput](t, "list")(s.sqs.ListQueues(ctx, &sqs.ListQueuesInput{QueueNamePrefix: &prefix}))
	if len(out.QueueUrls) != 2 {
		t.Errorf("listed %v", out.QueueUrls)
	}
}

func (s *suite) queueRoundTrip(t *testing.T) {
	ctx := within(t)
	url := s.queue(t, ctx, nil)
	const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	body := "àèéíïòóúüç · <xml> & \"quotes\" \U0001F30A\nline"
	sent := must[*sqs.SendMessageOutput](t, "send")(s.sqs.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: &body,
		MessageAttributes: map[string]types.MessageAttributeValue{
			"type":    {DataType: aws.String("String"), StringValue: aws.String("cat.llac.landing.written.v1")},
			"dataset": {DataType: aws.String("String"), StringValue: aws.String("població")},
		},
		MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: aws.String("String"),
			StringValue: aws.String(trace)}},
	}))
	m := s.receive(t, ctx, url, 1)[0] // the SDK checks the body's MD5 on send and receive
	if *m.Body != body || *m.MessageId != *sent.MessageId {
		t.Errorf("received %q (%s), want %q (%s)", *m.Body, *m.MessageId, body, *sent.MessageId)
	}
	if got := aws.ToString(m.MD5OfMessageAttributes); got == "" || got != aws.ToString(sent.MD5OfMessageAttributes) {
		t.Errorf("MD5 of attributes: sent %q, received %q", aws.ToString(sent.MD5OfMessageAttributes), got)
	}
	// Computed independently, by the rule in the SQS developer guide.
	if got, want := aws.ToString(sent.MD5OfMessageAttributes), "c9ca9b92693f74460703f5ee50d45efa"; got != want {
		t.Errorf("MD5 of attributes is %s, want %s", got, want)
	}
	if v := m.MessageAttributes["dataset"]; aws.ToString(v.StringValue) != "població" || aws.ToString(v.DataType) != "String" {
		t.Errorf("attribute dataset is %v", v)
	}
	if m.Attributes["AWSTraceHeader"] != trace || count(m) != "1" || m.Attributes["SenderId"] == "" {
		t.Errorf("system attributes are %v", m.Attributes)
	}
	sentAt, _ := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64)
	firstAt, _ := strconv.ParseInt(m.Attributes["ApproximateFirstReceiveTimestamp"], 10, 64)
	if age := time.Since(time.UnixMilli(sentAt)); age < -time.Minute || age > time.Minute || firstAt < sentAt {
		t.Errorf("sent at %d, first received at %d", sentAt, firstAt)
	}
	if _, err := s.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	// Deleting twice is not an error.
	if _, err := s.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
		t.Errorf("delete again: %v", err)
	}
	if n := s.attribute(t, ctx, url, "ApproximateNumberOfMessagesNotVisible"); n != "0" {
		t.Errorf("%s messages in flight after the delete", n)
	}
}

func (s *suite) queueBatch(t *testing.T) {
	ctx := within(t)
	url := s.queue(t, ctx, nil)
	entries := []types.SendMessageBatchRequestEntry{}
	for i := range 10 {
		entries = append(entries, types.SendMessageBatchRequestEntry{Id: aws.String("m" + strconv.Itoa(i)),
			MessageBody: aws.String("body " + strconv.Itoa(i))})
	}
	out := must[*sqs.SendMessageBatchOutput](t, "send batch")(s.sqs.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &url,
		Entries: entries}))
	if len(out.Successful) != 10 || len(out.Failed) != 0 {
		t.Fatalf("sent %d, failed %d", len(out.Successful), len(out.Failed))
	}
	got := s.receive(t, ctx, url, 10)
	visible := []types.ChangeMessageVisibilityBatchRequestEntry{
		{Id: aws.String("good"), ReceiptHandle: got[0].ReceiptHandle, VisibilityTimeout: 60},
		{Id: aws.String("bad"), ReceiptHandle: aws.String("nonsense"), VisibilityTimeout: 60},
	}
	changed := must[*sqs.ChangeMessageVisibilityBatchOutput](t, "change visibility batch")(s.sqs.ChangeMessageVisibilityBatch(ctx,
		&sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &url, Entries: visible}))
	if len(changed.Successful) != 1 || len(changed.Failed) != 1 || *changed.Failed[0].Id != "bad" || !changed.Failed[0].SenderFault {
		t.Errorf("change visibility: %+v, %+v", changed.Successful, changed.Failed)
	}
	deletes := []types.DeleteMessageBatchRequestEntry{{Id: aws.String("bad"), ReceiptHandle: aws.String("nonsense")}}
	for i, m := range got[:9] {
		deletes = append(deletes, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
	}
	deleted := must[*sqs.DeleteMessageBatchOutput](t, "delete batch")(s.sqs.DeleteMessageBatch(ctx,
		&sqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: deletes}))
	if len(deleted.Successful) != 9 || len(deleted.Failed) != 1 || *deleted.Failed[0].Id != "bad" {
		t.Errorf("delete: %d successful, failed %+v", len(deleted.Successful), deleted.Failed)
	}
	if n := s.attribute(t, ctx, url, "ApproximateNumberOfMessagesNotVisible"); n != "1" {
		t.Errorf("%s in flight, want 1", n)
	}
}

func (s *suite) queueBatchRefusals(t *testing.T) {
	ctx := within(t)
	url := s.queue(t, ctx, nil)
	entry := func(id string) types.SendMessageBatchRequestEntry {
		return types.SendMessageBatchRequestEntry{Id: &id, MessageBody: aws.String("x")}
	}
	refused := func(entries ...types.SendMessageBatchRequestEntry) error {
		if entries == nil {
			entries = []types.SendMessageBatchRequestEntry{}
		}
		_, err := s.sqs.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: entries})
		return err
	}
	if _, ok := errors.AsType[*types.BatchEntryIdsNotDistinct](refused(entry("a"), entry("a"))); !ok {
		t.Error("a repeated id: want BatchEntryIdsNotDistinct")
	}
	if _, ok := errors.AsType[*types.EmptyBatchRequest](refused()); !ok {
		t.Error("an empty batch: want EmptyBatchRequest")
	}
	if _, ok := errors.AsType[*types.InvalidBatchEntryId](refused(entry("a b"))); !ok {
		t.Error("an id with a space: want InvalidBatchEntryId")
	}
	var eleven []types.SendMessageBatchRequestEntry
	for i := range 11 {
		eleven = append(eleven, entry(strconv.Itoa(i)))
	}
	if _, ok := errors.AsType[*types.TooManyEntriesInBatchRequest](refused(eleven...)); !ok {
		t.Error("eleven entries: want TooManyEntriesInBatchRequest")
	}
}

func (s *suite) queueLimits(t *testing.T) {
	ctx := within(t)
	url := s.queue(t, ctx, nil)
	if _, err := s.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 11}); err == nil {
		t.Error("receiving eleven messages: want an error")
	}
}

func (s *suite) queueInputChecks(t *testing.T) {
	need(t, s.Has.QueueInputChecks, "full input checks")
	ctx := within(t)
	url := s.queue(t, ctx, nil)
	send := func(in sqs.SendMessageInput) error {
		in.QueueUrl = &url
		_, err := s.sqs.SendMessage(ctx, &in)
		return err
	}
	many := map[string]types.MessageAttributeValue{}
	for i := range 11 {
		many["a"+strconv.Itoa(i)] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String("v")}
	}
	if err := send(sqs.SendMessageInput{MessageBody: aws.String("x"), MessageAttributes: many}); code(err) != "InvalidParameterValue" {
		t.Errorf("eleven attributes: %v, want InvalidParameterValue", err)
	}
	if _, ok := errors.AsType[*types.InvalidMessageContents](send(sqs.SendMessageInput{MessageBody: aws.String("bell \x07")})); !ok {
		t.Error("a control character: want InvalidMessageContents")
	}
	if err := send(sqs.SendMessageInput{MessageBody: aws.String("")}); err == nil {
		t.Error("an empty body: want an error")
	}
	if _, err := s.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(name("bad")),
		Attributes: map[string]string{"VisibilityTimeout": "43201"}}); err == nil {
		t.Error("a visibility timeout of over twelve hours: want an error")
	}
	_, err := s.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{"Nonsense": "1"}})
	if _, ok := errors.AsType[*types.InvalidAttributeName](err); !ok {
		t.Errorf("unknown attribute: %v, want InvalidAttributeName", err)
	}
	_, err = s.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: aws.String("nonsense")})
	if _, ok := errors.AsType[*types.ReceiptHandleIsInvalid](err); !ok {
		t.Errorf("invalid handle: %v, want ReceiptHandleIsInvalid", err)
	}
}

func (s *suite) queueLargeMessage(t *testing.T) {
	need(t, s.Has.QueueMessage1MiB, "messages of 1 MiB")
	ctx := within(t)
	url := s.queue(t, ctx, nil)
	body := strings.Repeat("m", 1<<20)
	s.send(t, ctx, url, body)
	if got := s.receive(t, ctx, url, 1); *got[0].Body != body {
		t.Errorf("received %d bytes", len(*got[0].Body))
	}
	if _, err := s.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(body + "m")}); code(
		err) != "InvalidParameterValue" {
		t.Errorf("1 MiB and a byte: code %q, want InvalidParameterValue", code(err))
	}
	half := strings.Repeat("h", 600<<10)
	_, err := s.sqs.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("a"), MessageBody: &half}, {Id: aws.String("b"), MessageBody: &half},
	}})
	if _, ok := errors.AsType[*types.BatchRequestTooLong](err); !ok {
		t.Errorf("a batch of 1.2 MiB: code %q, want BatchRequestTooLong", code(err))
	}
}

func (s *suite) queueVisibility(t *testing.T) {
	ctx := within(t)
	url := s.queue(t, ctx, map[string]string{"VisibilityTimeout": "1"})
	s.send(t, ctx, url, "once more")
	first := s.receive(t, ctx, url, 1)[0]
	start := time.Now()
	second := s.receive(t, ctx, url, 1)[0]
	if took := time.Since(start); took < 700*time.Millisecond {
		t.Errorf("visible again after %v, timeout 1s", took)
	}
	if count(first) != "1" || count(second) != "2" {
		t.Errorf("receive counts %s, %s; want 1, 2", count(first), count(second))
	}
	if *first.MessageId != *second.MessageId || first.Attributes["SentTimestamp"] != second.Attributes["SentTimestamp"] ||
		first.Attributes["ApproximateFirstReceiveTimestamp"] != second.Attributes["ApproximateFirstReceiveTimestamp"] {
		t.Errorf("another message: %v, %v", first.Attributes, second.Attributes)
	}
}

func (s *suite) queueChangeVisibility(t *testing.T) {
	ctx := within(t)
	url := s.queue(t, ctx, map[string]string{"VisibilityTimeout": "30"})
	s.send(t, ctx, url, "back at once")
	m := s.receive(t, ctx, url, 1)[0]
	if got := s.receiveNow(t, ctx, url); len(got) != 0 {
		t.Fatal("a message in flight was received")
	}
	start := time.Now()
	s.release(t, ctx, url, m)
	again := s.receive(t, ctx, url, 1)[0]
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("visible again after %v", took)
	}
	if count(again) != "2" {
		t.Errorf("receive count %s, want 2", count(again))
	}
	// An extended message stays hidden after the shorter time.
	if _, err := s.sqs.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &url, ReceiptHandle: again.ReceiptHandle,
		VisibilityTimeout: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.sqs.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &url, ReceiptHandle: again.ReceiptHandle,
		VisibilityTimeout: 60}); err != nil {
		t.Fatal(err)
	}
	out := must[*sqs.ReceiveMessageOutput](t, "receive")(s.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url,
		WaitTimeSeconds: 2}))
	if len(out.Messages) != 0 {
		t.Error("visible although its timeout was extended")
	}
}

func (s *suite) queueNotInFlight(t *testing.T) {
	need(t, s.Has.InFlightError, "error for a message that is not in flight")
	ctx := within(t)
	url := s.queue(t, ctx, nil)
	s.send(t, ctx, url, "x")
	m := s.receive(t, ctx, url, 1)[0]
	s.release(t, ctx, url, m)
	_, err := s.sqs.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle,
		VisibilityTimeout: 5})
	if _, ok := errors.AsType[*types.MessageNotInflight](err); !ok && code(err) != "InvalidParameterValue" {
		t.Errorf("visible message: %v, want MessageNotInflight or InvalidParameterValue", err)
	}
}

func (s *suite) queueStaleHandle(t *testing.T) {
	need(t, s.Has.StaleHandles, "receipt handles that go stale")
	ctx := within(t)
	url := s.queue(t, ctx, nil)
	s.send(t, ctx, url, "x")
	first := s.receive(t, ctx, url, 1)[0]
	s.release(t, ctx, url, first)
	second := s.receive(t, ctx, url, 1)[0]
	if *first.ReceiptHandle == *second.ReceiptHandle {
		t.Fatal("two receives have one handle")
	}
	if _, err := s.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: first.ReceiptHandle}); err != nil {
		t.Errorf("deleting by an old handle is an error: %v", err)
	}
	s.release(t, ctx, url, second) // still there
	third := s.receive(t, ctx, url, 1)[0]
	if count(third) != "3" {
		t.Errorf("receive count %s, want 3", count(third))
	}
}

func (s *suite) queueLongPoll(t *testing.T) {
	need(t, s.Has.ReturnedAtOnce, "long polls that wake at once")
	ctx := within(t)
	url := s.queue(t, ctx, nil)
	type answer struct {
		out *sqs.ReceiveMessageOutput
		err error
		at  time.Time
	}
	answers := make(chan answer, 1)
	go func() {
		out, err := s.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 20})
		answers <- answer{out, err, time.Now()}
	}()
	s.send(t, ctx, url, "wake up")
	sent := time.Now()
	a := <-answers
	if a.err != nil || len(a.out.Messages) != 1 {
		t.Fatalf("received %v, %v", a.out, a.err)
	}
	if late := a.at.Sub(sent); late > 5*time.Second {
		t.Errorf("woke %v after the send", late)
	}
}

func (s *suite) queueRedrive(t *testing.T) {
	ctx := within(t)
	url, deadURL := s.redriveQueue(t, ctx, 2)
	s.send(t, ctx, url, "poison")
	first := s.receive(t, ctx, url, 1)[0]
	s.release(t, ctx, url, first)
	second := s.receive(t, ctx, url, 1)[0]
	s.release(t, ctx, url, second)
	if got := s.receiveNow(t, ctx, url); len(got) != 0 {
		t.Fatalf("received a third time, with count %s; the limit is 2", count(got[0]))
	}
	dead := s.receive(t, ctx, deadURL, 1)[0]
	if *dead.Body != "poison" || *dead.MessageId != *first.MessageId {
		t.Errorf("dead letter %q has id %s, was %s", *dead.Body, *dead.MessageId, *first.MessageId)
	}
	if dead.Attributes["SentTimestamp"] != first.Attributes["SentTimestamp"] {
		t.Errorf("sent at %s, as a dead letter at %s", first.Attributes["SentTimestamp"], dead.Attributes["SentTimestamp"])
	}
	if got, want := dead.Attributes["DeadLetterQueueSourceArn"], s.arn(t, ctx, url); s.Has.DeadLetterSource && got != want {
		t.Errorf("dead-letter source %q, want %q", got, want)
	}
}

package aws

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sqsTarget leads the X-Amz-Target header of SQS's AWS JSON 1.0 protocol.
const sqsTarget = "AmazonSQS."

// sqsOperation answers one operation, from JSON to a value that becomes JSON.
type sqsOperation func(c *Cloud, ctx context.Context, body []byte) (any, error)

// operation gives a typed operation the common shape.
func operation[In any](f func(c *Cloud, ctx context.Context, in In) (any, error)) sqsOperation {
	return func(c *Cloud, ctx context.Context, body []byte) (any, error) {
		var in In
		if len(body) > 0 {
			if err := json.Unmarshal(body, &in); err != nil {
				return nil, failf("SerializationException", "the request is not what the operation takes: %v", err)
			}
		}
		return f(c, ctx, in)
	}
}

var sqsOperations = map[string]sqsOperation{
	"CreateQueue":                  operation((*Cloud).sqsCreateQueue),
	"DeleteQueue":                  operation((*Cloud).sqsDeleteQueue),
	"GetQueueUrl":                  operation((*Cloud).sqsGetQueueURL),
	"ListQueues":                   operation((*Cloud).sqsListQueues),
	"GetQueueAttributes":           operation((*Cloud).sqsGetQueueAttributes),
	"SetQueueAttributes":           operation((*Cloud).sqsSetQueueAttributes),
	"PurgeQueue":                   operation((*Cloud).sqsPurgeQueue),
	"TagQueue":                     operation((*Cloud).sqsTagQueue),
	"UntagQueue":                   operation((*Cloud).sqsUntagQueue),
	"ListQueueTags":                operation((*Cloud).sqsListQueueTags),
	"AddPermission":                operation((*Cloud).sqsAcceptPermission),
	"RemovePermission":             operation((*Cloud).sqsAcceptPermission),
	"ListDeadLetterSourceQueues":   operation((*Cloud).sqsListDeadLetterSourceQueues),
	"SendMessage":                  operation((*Cloud).sqsSendMessage),
	"SendMessageBatch":             operation((*Cloud).sqsSendMessageBatch),
	"ReceiveMessage":               operation((*Cloud).sqsReceiveMessage),
	"DeleteMessage":                operation((*Cloud).sqsDeleteMessage),
	"DeleteMessageBatch":           operation((*Cloud).sqsDeleteMessageBatch),
	"ChangeMessageVisibility":      operation((*Cloud).sqsChangeMessageVisibility),
	"ChangeMessageVisibilityBatch": operation((*Cloud).sqsChangeMessageVisibilityBatch),
	"StartMessageMoveTask":         operation((*Cloud).sqsStartMessageMoveTask),
	"CancelMessageMoveTask":        operation((*Cloud).sqsCancelMessageMoveTask),
	"ListMessageMoveTasks":         operation((*Cloud).sqsListMessageMoveTasks),
}

// queryCodes are the errors whose older, query-protocol code is not "AWS.SimpleQueueService." and the new name. SDKs
// show the older one to programs.
var queryCodes = map[string]string{
	"QueueDoesNotExist":         "AWS.SimpleQueueService.NonExistentQueue",
	"QueueNameExists":           "QueueAlreadyExists",
	"ReceiptHandleIsInvalid":    "ReceiptHandleIsInvalid",
	"OverLimit":                 "OverLimit",
	"InvalidAttributeName":      "InvalidAttributeName",
	"InvalidAttributeValue":     "InvalidAttributeValue",
	"InvalidMessageContents":    "InvalidMessageContents",
	"ResourceNotFoundException": "ResourceNotFoundException",
	"InvalidParameterValue":     "InvalidParameterValue",
	"MissingParameter":          "MissingParameter",
}

// serveSQS answers one request of the AWS JSON 1.0 protocol.
func (c *Cloud) serveSQS(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("x-amzn-RequestId", c.newID())
	name := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), sqsTarget)
	op, ok := sqsOperations[name]
	if !ok {
		writeSQSFailure(w, &failure{code: "UnsupportedOperation", message: "the local cloud's SQS has no operation " + name})
		return
	}
	out, err := op(c, r.Context(), body)
	if err != nil {
		writeSQSFailure(w, asFailure(err))
		return
	}
	if out == nil {
		out = struct{}{}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(out) // the client has gone
}

func writeSQSFailure(w http.ResponseWriter, f *failure) {
	status, side := f.status, "Sender"
	if status == 0 {
		status = http.StatusBadRequest
	}
	if status >= 500 {
		side = "Receiver"
	}
	query, ok := queryCodes[f.code]
	if !ok {
		query = "AWS.SimpleQueueService." + f.code
	}
	if side == "Receiver" {
		query = f.code
	}
	w.Header().Set("x-amzn-query-error", query+";"+side)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": "com.amazonaws.sqs#" + f.code, "message": f.message})
}

// queueURL is a queue's address: only its last element counts, so that addresses kept from an earlier start, with
// another port, still work.
func (c *Cloud) queueURL(name string) string {
	return c.endpoint + "/" + c.broker.names.account + "/" + name
}

func queueOfURL(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

type sqsQueue struct {
	QueueUrl string
}

func (c *Cloud) sqsCreateQueue(_ context.Context, in struct {
	QueueName  string
	Attributes map[string]string
	Tags       map[string]string `json:"tags"`
}) (any, error) {
	if err := c.broker.createQueue(in.QueueName, in.Attributes, in.Tags); err != nil {
		return nil, err
	}
	return sqsQueue{c.queueURL(in.QueueName)}, nil
}

func (c *Cloud) sqsDeleteQueue(_ context.Context, in sqsQueue) (any, error) {
	name := queueOfURL(in.QueueUrl)
	return nil, c.broker.change(func() (record, error) {
		if c.broker.queues[name] == nil {
			return record{}, errNoQueue(name)
		}
		return record{Op: opQueueGone, Name: name}, nil
	})
}

func (c *Cloud) sqsPurgeQueue(_ context.Context, in sqsQueue) (any, error) {
	name := queueOfURL(in.QueueUrl)
	return nil, c.broker.change(func() (record, error) {
		if c.broker.queues[name] == nil {
			return record{}, errNoQueue(name)
		}
		return record{Op: opPurged, Name: name}, nil
	})
}

func (c *Cloud) sqsGetQueueURL(_ context.Context, in struct{ QueueName string }) (any, error) {
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	if c.broker.queues[in.QueueName] == nil {
		return nil, errNoQueue(in.QueueName)
	}
	return sqsQueue{c.queueURL(in.QueueName)}, nil
}

func (c *Cloud) sqsListQueues(_ context.Context, in struct {
	QueueNamePrefix string
	NextToken       string
	MaxResults      int
}) (any, error) {
	c.broker.mu.Lock()
	names := slices.Sorted(maps.Keys(c.broker.queues))
	c.broker.mu.Unlock()
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, in.QueueNamePrefix) })
	names, next := page(names, in.NextToken, in.MaxResults, 1000)
	var out struct {
		QueueUrls []string `json:",omitempty"`
		NextToken string   `json:",omitempty"`
	}
	for _, n := range names {
		out.QueueUrls = append(out.QueueUrls, c.queueURL(n))
	}
	out.NextToken = next
	return out, nil
}

// page cuts a sorted list after token, at most limit long (0: most); next is the token of the following page.
func page(sorted []string, token string, limit, most int) (cut []string, next string) {
	if limit <= 0 || limit > most {
		limit = most
	}
	if token != "" {
		i, found := slices.BinarySearch(sorted, token)
		if found {
			i++
		}
		sorted = sorted[i:]
	}
	if len(sorted) > limit {
		return sorted[:limit], sorted[limit-1]
	}
	return sorted, ""
}

func (c *Cloud) sqsGetQueueAttributes(_ context.Context, in struct {
	QueueUrl       string
	AttributeNames []string
}) (any, error) {
	attributes, err := c.broker.queueAttributes(queueOfURL(in.QueueUrl), in.AttributeNames)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Attributes": attributes}, nil
}

func (c *Cloud) sqsSetQueueAttributes(_ context.Context, in struct {
	QueueUrl   string
	Attributes map[string]string
}) (any, error) {
	return nil, c.broker.setQueueAttributes(queueOfURL(in.QueueUrl), in.Attributes)
}

func (c *Cloud) sqsTagQueue(_ context.Context, in struct {
	QueueUrl string
	Tags     map[string]string
}) (any, error) {
	return nil, c.broker.changeQueue(queueOfURL(in.QueueUrl), func(r *queueRecord) error {
		maps.Copy(r.Tags, in.Tags)
		return nil
	})
}

func (c *Cloud) sqsUntagQueue(_ context.Context, in struct {
	QueueUrl string
	TagKeys  []string
}) (any, error) {
	return nil, c.broker.changeQueue(queueOfURL(in.QueueUrl), func(r *queueRecord) error {
		for _, k := range in.TagKeys {
			delete(r.Tags, k)
		}
		return nil
	})
}

func (c *Cloud) sqsListQueueTags(_ context.Context, in sqsQueue) (any, error) {
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	q := c.broker.queues[queueOfURL(in.QueueUrl)]
	if q == nil {
		return nil, errNoQueue(queueOfURL(in.QueueUrl))
	}
	return map[string]any{"Tags": maps.Clone(q.Tags)}, nil
}

// sqsAcceptPermission accepts a permission for an existing queue: nothing is checked here.
func (c *Cloud) sqsAcceptPermission(ctx context.Context, in sqsQueue) (any, error) {
	_, err := c.sqsListQueueTags(ctx, in)
	return nil, err
}

func (c *Cloud) sqsListDeadLetterSourceQueues(_ context.Context, in sqsQueue) (any, error) {
	name := queueOfURL(in.QueueUrl)
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	if c.broker.queues[name] == nil {
		return nil, errNoQueue(name)
	}
	urls := []string{}
	for _, s := range c.broker.sourcesOf(name) {
		urls = append(urls, c.queueURL(s))
	}
	slices.Sort(urls)
	return map[string]any{"queueUrls": urls}, nil
}

// sqsMessage is what SendMessage takes and, with an Id, one entry of SendMessageBatch.
type sqsMessage struct {
	Id                      string
	MessageBody             string
	DelaySeconds            *int
	MessageAttributes       map[string]sqsAttribute
	MessageSystemAttributes map[string]sqsAttribute
	MessageGroupId          string
	MessageDeduplicationId  string
}

type sqsAttribute struct {
	DataType    string
	StringValue string `json:",omitempty"`
	BinaryValue []byte `json:",omitempty"`
}

func (m sqsMessage) outgoing() outgoing {
	o := outgoing{body: m.MessageBody, traceHeader: m.MessageSystemAttributes["AWSTraceHeader"].StringValue}
	if m.DelaySeconds != nil {
		d := time.Duration(*m.DelaySeconds) * time.Second
		o.delay = &d
	}
	for name, a := range m.MessageAttributes {
		if o.attributes == nil {
			o.attributes = map[string]attribute{}
		}
		o.attributes[name] = attribute{DataType: a.DataType, String: a.StringValue, Binary: a.BinaryValue}
	}
	return o
}

// digests are the MD5s of an answer to a send; SDKs check them.
type digests struct {
	MD5OfMessageBody             string
	MD5OfMessageAttributes       string `json:",omitempty"`
	MD5OfMessageSystemAttributes string `json:",omitempty"`
}

func (o outgoing) digests() digests {
	d := digests{MD5OfMessageBody: md5Text(o.body), MD5OfMessageAttributes: md5Attributes(o.attributes)}
	if o.traceHeader != "" {
		d.MD5OfMessageSystemAttributes = md5Attributes(map[string]attribute{"AWSTraceHeader": {DataType: "String", String: o.traceHeader}})
	}
	return d
}

// sender is the SenderId of messages sent by the SDK's clients here: there is one identity.
const sender = "AIDALLACLOCALCLOUD000"

func (c *Cloud) sqsSendMessage(_ context.Context, in struct {
	QueueUrl string
	sqsMessage
}) (any, error) {
	o := in.outgoing()
	ids, problems, err := c.broker.send(queueOfURL(in.QueueUrl), sender, []outgoing{o})
	if err == nil {
		err = problems[0]
	}
	if err != nil {
		return nil, err
	}
	return struct {
		MessageId string
		digests
	}{ids[0], o.digests()}, nil
}

// batchResult is the answer of the batch operations.
type batchResult struct {
	Successful []any         `json:",omitempty"`
	Failed     []batchFailed `json:",omitempty"`
}

type batchFailed struct {
	Id          string
	SenderFault bool
	Code        string
	Message     string
}

func failedEntry(id string, err error) batchFailed {
	f := asFailure(err)
	code := f.code
	if q, ok := queryCodes[code]; ok {
		code = q
	}
	return batchFailed{Id: id, SenderFault: f.status < 500, Code: code, Message: f.message}
}

type batchID struct{ Id string }

var batchIDFormat = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkBatch refuses a batch as a whole.
func checkBatch(ids []string) error {
	switch {
	case len(ids) == 0:
		return failf("EmptyBatchRequest", "There should be at least one entry in the request.")
	case len(ids) > 10:
		return failf("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent %d.", len(ids))
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if !batchIDFormat.MatchString(id) {
			return failf("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		if seen[id] {
			return failf("BatchEntryIdsNotDistinct", "Id %s repeated.", id)
		}
		seen[id] = true
	}
	return nil
}

func (c *Cloud) sqsSendMessageBatch(_ context.Context, in struct {
	QueueUrl string
	Entries  []sqsMessage
}) (any, error) {
	var ids []string
	var batch []outgoing
	for _, e := range in.Entries {
		ids, batch = append(ids, e.Id), append(batch, e.outgoing())
	}
	if err := checkBatch(ids); err != nil {
		return nil, err
	}
	messages, problems, err := c.broker.send(queueOfURL(in.QueueUrl), sender, batch)
	if err != nil {
		return nil, err
	}
	var out batchResult
	for i, id := range ids {
		if problems[i] != nil {
			out.Failed = append(out.Failed, failedEntry(id, problems[i]))
			continue
		}
		out.Successful = append(out.Successful, struct {
			Id, MessageId string
			digests
		}{id, messages[i], batch[i].digests()})
	}
	return out, nil
}

// receivedMessage is one message of an answer to ReceiveMessage.
type receivedMessage struct {
	MessageId              string
	ReceiptHandle          string
	Body                   string
	MD5OfBody              string
	Attributes             map[string]string       `json:",omitempty"`
	MessageAttributes      map[string]sqsAttribute `json:",omitempty"`
	MD5OfMessageAttributes string                  `json:",omitempty"`
}

func (c *Cloud) sqsReceiveMessage(ctx context.Context, in struct {
	QueueUrl                    string
	MaxNumberOfMessages         *int
	VisibilityTimeout           *int
	WaitTimeSeconds             *int
	AttributeNames              []string
	MessageSystemAttributeNames []string
	MessageAttributeNames       []string
}) (any, error) {
	limit := 1
	if in.MaxNumberOfMessages != nil {
		if limit = *in.MaxNumberOfMessages; limit < 1 || limit > 10 {
			return nil, failf("InvalidParameterValue", "Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", limit)
		}
	}
	visibility, err := secondsWithin("VisibilityTimeout", in.VisibilityTimeout, 43200)
	if err != nil {
		return nil, err
	}
	wait, err := secondsWithin("WaitTimeSeconds", in.WaitTimeSeconds, 20)
	if err != nil {
		return nil, err
	}
	messages, err := c.broker.receive(ctx, queueOfURL(in.QueueUrl), limit, visibility, wait)
	if err != nil {
		return nil, err
	}
	var out struct {
		Messages []receivedMessage `json:",omitempty"`
	}
	for _, m := range messages {
		shown := receivedMessage{
			MessageId: m.ID, ReceiptHandle: m.handle, Body: m.Body, MD5OfBody: md5Text(m.Body),
			Attributes: c.systemAttributes(m.message, append(in.AttributeNames, in.MessageSystemAttributeNames...)),
		}
		kept := selected(m.Attributes, in.MessageAttributeNames)
		shown.MD5OfMessageAttributes = md5Attributes(kept)
		for name, a := range kept {
			if shown.MessageAttributes == nil {
				shown.MessageAttributes = map[string]sqsAttribute{}
			}
			shown.MessageAttributes[name] = sqsAttribute{DataType: a.DataType, StringValue: a.String, BinaryValue: a.Binary}
		}
		out.Messages = append(out.Messages, shown)
	}
	return out, nil
}

// secondsWithin checks an optional number of seconds.
func secondsWithin(name string, n *int, most int) (*time.Duration, error) {
	if n == nil {
		return nil, nil
	}
	if *n < 0 || *n > most {
		return nil, failf("InvalidParameterValue", "Value %d for parameter %s is invalid. Reason: Must be >= 0 and <= %d, if provided.", *n, name, most)
	}
	d := time.Duration(*n) * time.Second
	return &d, nil
}

// systemAttributes answers those system attributes of a received message that were asked for.
func (c *Cloud) systemAttributes(m message, wanted []string) map[string]string {
	if len(wanted) == 0 {
		return nil
	}
	all := map[string]string{
		"SenderId":                         m.Sender,
		"SentTimestamp":                    epochMillis(m.SentAt),
		"ApproximateReceiveCount":          strconv.Itoa(m.Receives),
		"ApproximateFirstReceiveTimestamp": epochMillis(m.FirstReceivedAt),
	}
	if m.TraceHeader != "" {
		all["AWSTraceHeader"] = m.TraceHeader
	}
	if m.DeadLetterSource != "" {
		all["DeadLetterQueueSourceArn"] = c.broker.names.queueARN(m.DeadLetterSource)
	}
	if slices.Contains(wanted, "All") {
		return all
	}
	maps.DeleteFunc(all, func(name, _ string) bool { return !slices.Contains(wanted, name) })
	return all
}

func (c *Cloud) sqsDeleteMessage(_ context.Context, in struct{ QueueUrl, ReceiptHandle string }) (any, error) {
	problems, err := c.broker.deleteMessages(queueOfURL(in.QueueUrl), []string{in.ReceiptHandle})
	if err == nil {
		err = problems[0]
	}
	return nil, err
}

func (c *Cloud) sqsDeleteMessageBatch(_ context.Context, in struct {
	QueueUrl string
	Entries  []struct{ Id, ReceiptHandle string }
}) (any, error) {
	var ids, handles []string
	for _, e := range in.Entries {
		ids, handles = append(ids, e.Id), append(handles, e.ReceiptHandle)
	}
	if err := checkBatch(ids); err != nil {
		return nil, err
	}
	problems, err := c.broker.deleteMessages(queueOfURL(in.QueueUrl), handles)
	if err != nil {
		return nil, err
	}
	return batchOutcome(ids, problems), nil
}

func batchOutcome(ids []string, problems []error) batchResult {
	var out batchResult
	for i, id := range ids {
		if problems[i] != nil {
			out.Failed = append(out.Failed, failedEntry(id, problems[i]))
		} else {
			out.Successful = append(out.Successful, batchID{id})
		}
	}
	return out
}

// visibilityChange is what ChangeMessageVisibility takes and, with an Id, one entry of its batch.
type visibilityChange struct {
	Id                string
	ReceiptHandle     string
	VisibilityTimeout *int
}

func (c *Cloud) changeVisibility(url string, v visibilityChange) error {
	d, err := secondsWithin("VisibilityTimeout", v.VisibilityTimeout, 43200)
	if err != nil {
		return err
	}
	if d == nil {
		return failf("MissingParameter", "The request must contain the parameter VisibilityTimeout.")
	}
	return c.broker.changeVisibility(queueOfURL(url), v.ReceiptHandle, *d)
}

func (c *Cloud) sqsChangeMessageVisibility(_ context.Context, in struct {
	QueueUrl string
	visibilityChange
}) (any, error) {
	return nil, c.changeVisibility(in.QueueUrl, in.visibilityChange)
}

func (c *Cloud) sqsChangeMessageVisibilityBatch(_ context.Context, in struct {
	QueueUrl string
	Entries  []visibilityChange
}) (any, error) {
	var ids []string
	for _, e := range in.Entries {
		ids = append(ids, e.Id)
	}
	if err := checkBatch(ids); err != nil {
		return nil, err
	}
	var problems []error
	for _, e := range in.Entries {
		err := c.changeVisibility(in.QueueUrl, e)
		if err != nil && asFailure(err).code == "QueueDoesNotExist" {
			return nil, err
		}
		problems = append(problems, err)
	}
	return batchOutcome(ids, problems), nil
}

func (c *Cloud) sqsStartMessageMoveTask(_ context.Context, in struct {
	SourceArn                    string
	DestinationArn               string
	MaxNumberOfMessagesPerSecond int
}) (any, error) {
	handle, err := c.broker.startMove(c.life, in.SourceArn, in.DestinationArn, in.MaxNumberOfMessagesPerSecond)
	if err != nil {
		return nil, err
	}
	return map[string]string{"TaskHandle": handle}, nil
}

func (c *Cloud) sqsCancelMessageMoveTask(_ context.Context, in struct{ TaskHandle string }) (any, error) {
	moved, err := c.broker.cancelMove(in.TaskHandle)
	if err != nil {
		return nil, err
	}
	return map[string]int{"ApproximateNumberOfMessagesMoved": moved}, nil
}

// moveTaskResult is one task of an answer to ListMessageMoveTasks.
type moveTaskResult struct {
	TaskHandle                        string `json:",omitempty"` // running tasks only, as in SQS
	Status                            string
	SourceArn                         string
	DestinationArn                    string `json:",omitempty"`
	MaxNumberOfMessagesPerSecond      int    `json:",omitempty"`
	ApproximateNumberOfMessagesMoved  int
	ApproximateNumberOfMessagesToMove int
	FailureReason                     string `json:",omitempty"`
	StartedTimestamp                  int64
}

func (c *Cloud) sqsListMessageMoveTasks(_ context.Context, in struct {
	SourceArn  string
	MaxResults int
}) (any, error) {
	limit := max(in.MaxResults, 1)
	b := c.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.queues[b.names.queueName(in.SourceArn)] == nil {
		return nil, failf("ResourceNotFoundException", "The resource that you specified for the SourceArn parameter doesn't exist.")
	}
	results := []moveTaskResult{}
	for i := len(b.tasks) - 1; i >= 0 && len(results) < limit; i-- {
		t := b.tasks[i]
		if t.source != in.SourceArn {
			continue
		}
		r := moveTaskResult{
			Status: t.state, SourceArn: t.source, DestinationArn: t.destination, MaxNumberOfMessagesPerSecond: t.perSecond,
			ApproximateNumberOfMessagesMoved: t.moved, ApproximateNumberOfMessagesToMove: t.toMove,
			FailureReason: t.failure, StartedTimestamp: t.started.UnixMilli(),
		}
		if t.state == taskRunning {
			r.TaskHandle = t.handle
		}
		results = append(results, r)
	}
	return map[string]any{"Results": results}, nil
}

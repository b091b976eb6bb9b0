package aws

import (
	"bytes"
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

// sqsTarget is the prefix of the X-Amz-Target header in SQS's AWS JSON 1.0 protocol.
const sqsTarget = "AmazonSQS."

// sqsOperation executes one operation: from the JSON of the request to a value that is encoded as JSON.
type sqsOperation func(c *Cloud, ctx context.Context, body []byte) (any, error)

// operation converts a typed operation to an sqsOperation.
func operation[In any](f func(c *Cloud, ctx context.Context, in In) (any, error)) sqsOperation {
	return func(c *Cloud, ctx context.Context, body []byte) (any, error) {
		var in In
		if len(body) > 0 {
			d := json.NewDecoder(bytes.NewReader(body))
			d.DisallowUnknownFields()
			if err := d.Decode(&in); err != nil {
				return nil, failf("UnsupportedOperation", "the local cloud does not support this request: %v", err)
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
	"SendMessage":                  operation((*Cloud).sqsSendMessage),
	"SendMessageBatch":             operation((*Cloud).sqsSendMessageBatch),
	"ReceiveMessage":               operation((*Cloud).sqsReceiveMessage),
	"DeleteMessage":                operation((*Cloud).sqsDeleteMessage),
	"DeleteMessageBatch":           operation((*Cloud).sqsDeleteMessageBatch),
	"ChangeMessageVisibility":      operation((*Cloud).sqsChangeMessageVisibility),
	"ChangeMessageVisibilityBatch": operation((*Cloud).sqsChangeMessageVisibilityBatch),
}

// queryCodes are the errors whose code in the older query protocol is not "AWS.SimpleQueueService." and the new name. SDKs report
// the older code.
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

// serveSQS serves one request of the AWS JSON 1.0 protocol.
func (c *Cloud) serveSQS(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("x-amzn-RequestId", c.newID())
	name := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), sqsTarget)
	op, ok := sqsOperations[name]
	if !ok {
		writeSQSFailure(w, &failure{code: "UnsupportedOperation", message: "the local cloud does not support the operation " + name})
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
	_ = e.Encode(out) // an error means that the client has disconnected
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

// queueURL returns a queue's URL. Only its last element is significant, so that URLs from an earlier start, with another port, remain
// valid.
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
}) (any, error) {
	if err := c.broker.createQueue(in.QueueName, in.Attributes); err != nil {
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

// page returns the part of a sorted list after token, of at most limit elements (0: most), and the token of the next page.
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

// sqsMessage is the input of SendMessage and, with an Id, one entry of SendMessageBatch.
type sqsMessage struct {
	Id                      string
	MessageBody             string
	MessageAttributes       map[string]attribute
	MessageSystemAttributes map[string]attribute
}

func (m sqsMessage) outgoing() (outgoing, error) {
	for name := range m.MessageSystemAttributes {
		if name != "AWSTraceHeader" {
			return outgoing{}, failf("InvalidParameterValue",
				"The local cloud does not support the system attribute %s of a sent message.", name)
		}
	}
	return outgoing{body: m.MessageBody, attributes: m.MessageAttributes,
		traceHeader: m.MessageSystemAttributes["AWSTraceHeader"].String}, nil
}

// digests are the MD5s in the response to a send. SDKs check them.
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

// sender is the SenderId of all messages: the local cloud has one identity.
const sender = "AIDALLACLOCALCLOUD000"

func (c *Cloud) sqsSendMessage(_ context.Context, in struct {
	QueueUrl string
	sqsMessage
}) (any, error) {
	o, err := in.outgoing()
	if err != nil {
		return nil, err
	}
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

// batchResult is the response of the batch operations.
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

// checkBatch returns an error if a batch must be refused as a whole.
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
			return failf("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "+
				"It can be at most 80 letters long.")
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
		o, err := e.outgoing()
		if err != nil {
			return nil, err
		}
		ids, batch = append(ids, e.Id), append(batch, o)
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

// receivedMessage is one message in the response of ReceiveMessage.
type receivedMessage struct {
	MessageId              string
	ReceiptHandle          string
	Body                   string
	MD5OfBody              string
	Attributes             map[string]string    `json:",omitempty"`
	MessageAttributes      map[string]attribute `json:",omitempty"`
	MD5OfMessageAttributes string               `json:",omitempty"`
}

func (c *Cloud) sqsReceiveMessage(ctx context.Context, in struct {
	QueueUrl                    string
	MaxNumberOfMessages         *int
	VisibilityTimeout           *int
	WaitTimeSeconds             int
	MessageSystemAttributeNames []string
	MessageAttributeNames       []string
}) (any, error) {
	limit := 1
	if in.MaxNumberOfMessages != nil {
		if limit = *in.MaxNumberOfMessages; limit < 1 || limit > 10 {
			return nil, failf("InvalidParameterValue", "Value %d for parameter MaxNumberOfMessages is invalid. "+
				"Reason: Must be between 1 and 10, if provided.", limit)
		}
	}
	visibility, err := secondsWithin("VisibilityTimeout", in.VisibilityTimeout, 43200)
	if err != nil {
		return nil, err
	}
	wait, err := secondsWithin("WaitTimeSeconds", &in.WaitTimeSeconds, 20)
	if err != nil {
		return nil, err
	}
	messages, err := c.broker.receive(ctx, queueOfURL(in.QueueUrl), limit, visibility, *wait)
	if err != nil {
		return nil, err
	}
	var out struct {
		Messages []receivedMessage `json:",omitempty"`
	}
	for _, m := range messages {
		requested := selected(m.Attributes, in.MessageAttributeNames)
		out.Messages = append(out.Messages, receivedMessage{
			MessageId: m.ID, ReceiptHandle: m.handle, Body: m.Body, MD5OfBody: md5Text(m.Body),
			Attributes:        c.systemAttributes(m.message, in.MessageSystemAttributeNames),
			MessageAttributes: requested, MD5OfMessageAttributes: md5Attributes(requested),
		})
	}
	return out, nil
}

// secondsWithin checks an optional number of seconds and returns it as a duration.
func secondsWithin(name string, n *int, most int) (*time.Duration, error) {
	if n == nil {
		return nil, nil
	}
	if *n < 0 || *n > most {
		return nil, failf("InvalidParameterValue", "Value %d for parameter %s is invalid. Reason: Must be >= 0 and <= %d, if provided.",
			*n, name, most)
	}
	d := time.Duration(*n) * time.Second
	return &d, nil
}

// systemAttributes returns the requested system attributes of a received message.
func (c *Cloud) systemAttributes(m message, wanted []string) map[string]string {
	if len(wanted) == 0 {
		return nil
	}
	all := map[string]string{
		"SenderId":                         m.Sender,
		"SentTimestamp":                    strconv.FormatInt(m.SentAt.UnixMilli(), 10),
		"ApproximateReceiveCount":          strconv.Itoa(m.Receives),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.FirstReceivedAt.UnixMilli(), 10),
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

// visibilityChange is the input of ChangeMessageVisibility and, with an Id, one entry of its batch.
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

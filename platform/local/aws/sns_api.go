package aws

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// snsVersion is the Version parameter of SNS's query protocol.
const snsVersion = "2010-03-31"

// snsPage is how many topics or subscriptions SNS lists at once.
const snsPage = 100

// snsOperation answers the inner XML of an operation's result; "" for operations without one.
type snsOperation func(c *Cloud, form url.Values, r *http.Request) (string, error)

var snsOperations = map[string]snsOperation{
	"CreateTopic":               (*Cloud).snsCreateTopic,
	"DeleteTopic":               (*Cloud).snsDeleteTopic,
	"ListTopics":                (*Cloud).snsListTopics,
	"GetTopicAttributes":        (*Cloud).snsGetTopicAttributes,
	"SetTopicAttributes":        (*Cloud).snsSetTopicAttributes,
	"TagResource":               (*Cloud).snsTagResource,
	"UntagResource":             (*Cloud).snsUntagResource,
	"ListTagsForResource":       (*Cloud).snsListTagsForResource,
	"Subscribe":                 (*Cloud).snsSubscribe,
	"Unsubscribe":               (*Cloud).snsUnsubscribe,
	"ListSubscriptions":         (*Cloud).snsListSubscriptions,
	"ListSubscriptionsByTopic":  (*Cloud).snsListSubscriptions,
	"GetSubscriptionAttributes": (*Cloud).snsGetSubscriptionAttributes,
	"SetSubscriptionAttributes": (*Cloud).snsSetSubscriptionAttributes,
	"Publish":                   (*Cloud).snsPublish,
	"PublishBatch":              (*Cloud).snsPublishBatch,
}

// serveSNS answers one request of the query protocol.
func (c *Cloud) serveSNS(w http.ResponseWriter, r *http.Request, form url.Values) {
	w.Header().Set("Content-Type", "text/xml")
	action, id := form.Get("Action"), c.newID()
	w.Header().Set("x-amzn-RequestId", id)
	op, ok := snsOperations[action]
	if !ok || form.Get("Version") != snsVersion {
		writeSNSFailure(w, &failure{code: "InvalidAction", message: "the local cloud speaks SNS " + snsVersion + " in the query protocol (SQS in AWS JSON 1.0) and has no operation " + action}, id)
		return
	}
	result, err := op(c, form, r)
	if err != nil {
		writeSNSFailure(w, asFailure(err), id)
		return
	}
	_, _ = w.Write([]byte(`<` + action + `Response xmlns="http://sns.amazonaws.com/doc/` + snsVersion + `/">` +
		tag(action+"Result", result) + tag("ResponseMetadata", text("RequestId", id)) + `</` + action + `Response>`))
}

func writeSNSFailure(w http.ResponseWriter, f *failure, id string) {
	status, side := f.status, "Sender"
	if status == 0 {
		status = http.StatusBadRequest
	}
	if status >= 500 {
		side = "Receiver"
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`<ErrorResponse xmlns="http://sns.amazonaws.com/doc/` + snsVersion + `/">` +
		tag("Error", text("Type", side)+text("Code", f.code)+text("Message", f.message)) + text("RequestId", id) + `</ErrorResponse>`))
}

// tag wraps XML in an element.
func tag(name, inner string) string { return "<" + name + ">" + inner + "</" + name + ">" }

// text is an element that holds text.
func text(name, value string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(value)) // a strings.Builder takes everything
	return tag(name, b.String())
}

// entries is a map in XML, keys in order.
func entries(m map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		b.WriteString(tag("entry", text("key", k)+text("value", m[k])))
	}
	return tag("Attributes", b.String())
}

// formList walks the numbered members of a list or map: prefix "Tags.member" gives "Tags.member.1.", "Tags.member.2." …
// as long as one of the fields is there.
func formList(form url.Values, prefix string, field string, yield func(at string)) {
	for i := 1; ; i++ {
		at := prefix + "." + strconv.Itoa(i) + "."
		if !form.Has(at + field) {
			return
		}
		yield(at)
	}
}

// formMap reads a map of text.
func formMap(form url.Values, prefix, key, value string) map[string]string {
	m := map[string]string{}
	formList(form, prefix, key, func(at string) { m[form.Get(at+key)] = form.Get(at + value) })
	return m
}

// formAttributes reads message attributes.
func formAttributes(form url.Values, prefix string) (map[string]attribute, error) {
	m := map[string]attribute{}
	var bad error
	formList(form, prefix+"MessageAttributes.entry", "Name", func(at string) {
		a := attribute{DataType: form.Get(at + "Value.DataType"), String: form.Get(at + "Value.StringValue")}
		if v := form.Get(at + "Value.BinaryValue"); v != "" {
			var err error
			if a.Binary, err = base64.StdEncoding.DecodeString(v); err != nil {
				bad = failf("ParameterValueInvalid", "The message attribute '%s' is not base64.", form.Get(at+"Name"))
			}
		}
		m[form.Get(at+"Name")] = a
	})
	return m, bad
}

// topicOf answers the name of the topic that parameter names.
func (c *Cloud) topicOf(form url.Values, parameter string) (string, error) {
	arn := form.Get(parameter)
	name := c.broker.names.topicName(arn)
	if name == "" {
		if strings.HasPrefix(arn, "arn:aws:sns:") && strings.Count(arn, ":") == 5 {
			return "", errNoTopic() // another account or region
		}
		return "", failf("InvalidParameter", "Invalid parameter: %s: %s", parameter, arn)
	}
	return name, nil
}

func (c *Cloud) snsCreateTopic(form url.Values, _ *http.Request) (string, error) {
	name := form.Get("Name")
	err := c.broker.createTopic(name, formMap(form, "Attributes.entry", "key", "value"), formMap(form, "Tags.member", "Key", "Value"))
	return text("TopicArn", c.broker.names.topicARN(name)), err
}

func (c *Cloud) snsDeleteTopic(form url.Values, _ *http.Request) (string, error) {
	name, err := c.topicOf(form, "TopicArn")
	if err != nil {
		return "", err
	}
	return "", c.broker.change(func() (record, error) {
		if c.broker.topics[name] == nil {
			return record{}, nil // deleting twice is no error
		}
		return record{Op: opTopicGone, Name: name}, nil
	})
}

func (c *Cloud) snsListTopics(form url.Values, _ *http.Request) (string, error) {
	c.broker.mu.Lock()
	names := slices.Sorted(maps.Keys(c.broker.topics))
	c.broker.mu.Unlock()
	names, next := page(names, form.Get("NextToken"), 0, snsPage)
	var b strings.Builder
	for _, n := range names {
		b.WriteString(tag("member", text("TopicArn", c.broker.names.topicARN(n))))
	}
	return tag("Topics", b.String()) + nextToken(next), nil
}

func nextToken(next string) string {
	if next == "" {
		return ""
	}
	return text("NextToken", next)
}

func (c *Cloud) snsGetTopicAttributes(form url.Values, _ *http.Request) (string, error) {
	name, err := c.topicOf(form, "TopicArn")
	if err != nil {
		return "", err
	}
	b := c.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[name]
	if t == nil {
		return "", errNoTopic()
	}
	all := map[string]string{
		"TopicArn": b.names.topicARN(name), "Owner": b.names.account, "DisplayName": "",
		"SubscriptionsConfirmed": strconv.Itoa(len(b.subscriptionsOf(name))), "SubscriptionsPending": "0", "SubscriptionsDeleted": "0",
	}
	maps.Copy(all, t.Attributes)
	return entries(all), nil
}

func (c *Cloud) snsSetTopicAttributes(form url.Values, _ *http.Request) (string, error) {
	name, err := c.topicOf(form, "TopicArn")
	if err != nil {
		return "", err
	}
	return "", c.broker.changeTopic(name, func(t *topic) { t.Attributes[form.Get("AttributeName")] = form.Get("AttributeValue") })
}

func (c *Cloud) snsTagResource(form url.Values, _ *http.Request) (string, error) {
	name, err := c.topicOf(form, "ResourceArn")
	if err != nil {
		return "", err
	}
	return "", c.broker.changeTopic(name, func(t *topic) { maps.Copy(t.Tags, formMap(form, "Tags.member", "Key", "Value")) })
}

func (c *Cloud) snsUntagResource(form url.Values, _ *http.Request) (string, error) {
	name, err := c.topicOf(form, "ResourceArn")
	if err != nil {
		return "", err
	}
	return "", c.broker.changeTopic(name, func(t *topic) {
		for i := 1; form.Has("TagKeys.member." + strconv.Itoa(i)); i++ {
			delete(t.Tags, form.Get("TagKeys.member."+strconv.Itoa(i)))
		}
	})
}

func (c *Cloud) snsListTagsForResource(form url.Values, _ *http.Request) (string, error) {
	name, err := c.topicOf(form, "ResourceArn")
	if err != nil {
		return "", err
	}
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	t := c.broker.topics[name]
	if t == nil {
		return "", errNoTopic()
	}
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(t.Tags)) {
		b.WriteString(tag("member", text("Key", k)+text("Value", t.Tags[k])))
	}
	return tag("Tags", b.String()), nil
}

func (c *Cloud) snsSubscribe(form url.Values, _ *http.Request) (string, error) {
	name, err := c.topicOf(form, "TopicArn")
	if err != nil {
		return "", err
	}
	if p := form.Get("Protocol"); p != "sqs" {
		return "", failf("InvalidParameter", "Invalid parameter: the local cloud delivers to sqs only, not to %s", p)
	}
	arn, err := c.broker.subscribe(name, form.Get("Endpoint"), formMap(form, "Attributes.entry", "key", "value"))
	return text("SubscriptionArn", arn), err
}

func (c *Cloud) snsUnsubscribe(form url.Values, _ *http.Request) (string, error) {
	arn := form.Get("SubscriptionArn")
	return "", c.broker.change(func() (record, error) {
		if c.broker.subscriptions[arn] == nil {
			return record{}, nil // unsubscribing twice is no error
		}
		return record{Op: opUnsubscribed, Name: arn}, nil
	})
}

// snsListSubscriptions lists a topic's subscriptions, or all.
func (c *Cloud) snsListSubscriptions(form url.Values, _ *http.Request) (string, error) {
	var name string
	if form.Get("Action") == "ListSubscriptionsByTopic" {
		var err error
		if name, err = c.topicOf(form, "TopicArn"); err != nil {
			return "", err
		}
	}
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	if name != "" && c.broker.topics[name] == nil {
		return "", errNoTopic()
	}
	var arns []string
	for _, s := range c.broker.subscriptionsOf(name) {
		arns = append(arns, s.ARN)
	}
	arns, next := page(arns, form.Get("NextToken"), 0, snsPage)
	var b strings.Builder
	for _, arn := range arns {
		s := c.broker.subscriptions[arn]
		b.WriteString(tag("member", text("SubscriptionArn", arn)+text("TopicArn", c.broker.names.topicARN(s.Topic))+
			text("Protocol", "sqs")+text("Endpoint", s.Endpoint)+text("Owner", c.broker.names.account)))
	}
	return tag("Subscriptions", b.String()) + nextToken(next), nil
}

func (c *Cloud) snsGetSubscriptionAttributes(form url.Values, _ *http.Request) (string, error) {
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	s := c.broker.subscriptions[form.Get("SubscriptionArn")]
	if s == nil {
		return "", &failure{code: "NotFound", message: "Subscription does not exist", status: http.StatusNotFound}
	}
	all := map[string]string{
		"SubscriptionArn": s.ARN, "TopicArn": c.broker.names.topicARN(s.Topic), "Protocol": "sqs", "Endpoint": s.Endpoint,
		"Owner": c.broker.names.account, "RawMessageDelivery": "false", "PendingConfirmation": "false", "ConfirmationWasAuthenticated": "true",
	}
	if s.Attributes["FilterPolicy"] != "" {
		all["FilterPolicyScope"] = "MessageAttributes"
	}
	maps.Copy(all, s.Attributes)
	return entries(all), nil
}

func (c *Cloud) snsSetSubscriptionAttributes(form url.Values, _ *http.Request) (string, error) {
	return "", c.broker.setSubscriptionAttribute(form.Get("SubscriptionArn"), form.Get("AttributeName"), form.Get("AttributeValue"))
}

// publicationOf reads a message: the fields of Publish, or of one entry of PublishBatch.
func (c *Cloud) publicationOf(form url.Values, prefix string, r *http.Request) (publication, error) {
	p := publication{
		id: c.newID(), subject: form.Get(prefix + "Subject"), body: form.Get(prefix + "Message"),
		// SNS takes no system attributes: the trace comes by this header only.
		traceHeader: r.Header.Get("X-Amzn-Trace-Id"),
	}
	if p.traceHeader != "" && !traceHeader.MatchString(p.traceHeader) {
		p.traceHeader = ""
	}
	var err error
	if p.attributes, err = formAttributes(form, prefix); err != nil {
		return p, err
	}
	if form.Get(prefix+"MessageStructure") == "json" {
		if err := json.Unmarshal([]byte(p.body), &p.perProtocol); err != nil {
			return p, failf("InvalidParameter", "Invalid parameter: Message Structure - JSON message body failed to parse")
		}
		text, ok := p.perProtocol["default"]
		if !ok {
			return p, failf("InvalidParameter", "Invalid parameter: Message Structure - No default entry in JSON message body")
		}
		p.body = text
	}
	return p, p.check()
}

func (c *Cloud) snsPublish(form url.Values, r *http.Request) (string, error) {
	parameter := "TopicArn"
	if !form.Has(parameter) {
		parameter = "TargetArn" // watermill's publisher names the topic so
	}
	name, err := c.topicOf(form, parameter)
	if err != nil {
		return "", err
	}
	p, err := c.publicationOf(form, "", r)
	if err != nil {
		return "", err
	}
	return text("MessageId", p.id), c.broker.publish(name, []publication{p})
}

func (c *Cloud) snsPublishBatch(form url.Values, r *http.Request) (string, error) {
	name, err := c.topicOf(form, "TopicArn")
	if err != nil {
		return "", err
	}
	var ids, at []string
	formList(form, "PublishBatchRequestEntries.member", "Id", func(prefix string) {
		ids, at = append(ids, form.Get(prefix+"Id")), append(at, prefix)
	})
	if err := checkBatch(ids); err != nil {
		return "", err
	}
	var batch []publication
	var good, bad strings.Builder
	size := 0
	for i, id := range ids {
		p, err := c.publicationOf(form, at[i], r)
		if err != nil {
			f := asFailure(err)
			bad.WriteString(tag("member", text("Id", id)+text("Code", f.code)+text("Message", f.message)+text("SenderFault", "true")))
			continue
		}
		size += sizeOf(p.body, p.attributes)
		batch = append(batch, p)
		good.WriteString(tag("member", text("Id", id)+text("MessageId", p.id)))
	}
	if size > maxPublishSize {
		return "", failf("BatchRequestTooLong", "The length of all the messages put together is more than the limit of %d bytes.", maxPublishSize)
	}
	if err := c.broker.publish(name, batch); err != nil {
		return "", err
	}
	return tag("Successful", good.String()) + tag("Failed", bad.String()), nil
}

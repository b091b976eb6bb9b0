package aws

import (
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

// snsPage is the number of subscriptions that SNS lists at once.
const snsPage = 100

// snsOperation is one operation of SNS.
type snsOperation struct {
	// parameters are the supported ones, each without what follows its first dot. A request with another one is refused.
	parameters []string
	// serve returns the inner XML of the result, or "".
	serve func(c *Cloud, form url.Values, r *http.Request) (string, error)
}

var snsOperations = map[string]snsOperation{
	"CreateTopic": {[]string{"Name"}, (*Cloud).snsCreateTopic},
	"Subscribe": {[]string{"TopicArn", "Protocol", "Endpoint", "Attributes", "ReturnSubscriptionArn"},
		(*Cloud).snsSubscribe},
	"ListSubscriptionsByTopic": {[]string{"TopicArn", "NextToken"}, (*Cloud).snsListSubscriptions},
	"SetSubscriptionAttributes": {[]string{"SubscriptionArn", "AttributeName", "AttributeValue"},
		(*Cloud).snsSetSubscriptionAttributes},
	"Publish": {[]string{"TopicArn", "TargetArn", "Message", "MessageAttributes"}, (*Cloud).snsPublish},
}

// serveSNS serves one request of the query protocol.
func (c *Cloud) serveSNS(w http.ResponseWriter, r *http.Request, form url.Values) {
	w.Header().Set("Content-Type", "text/xml")
	action, id := form.Get("Action"), c.newID()
	w.Header().Set("x-amzn-RequestId", id)
	op, err := snsOperationOf(form)
	var result string
	if err == nil {
		result, err = op.serve(c, form, r)
	}
	if err != nil {
		writeSNSFailure(w, asFailure(err), id)
		return
	}
	_, _ = w.Write([]byte(`<` + action + `Response xmlns="http://sns.amazonaws.com/doc/` + snsVersion + `/">` +
		tag(action+"Result", result) + tag("ResponseMetadata", text("RequestId", id)) + `</` + action + `Response>`))
}

// snsOperationOf returns the operation that a form requests. It refuses unknown operations and parameters.
func snsOperationOf(form url.Values) (snsOperation, error) {
	action := form.Get("Action")
	op, ok := snsOperations[action]
	if !ok || form.Get("Version") != snsVersion {
		return op, failf("InvalidAction", "the local cloud does not support the operation %s; it supports SNS %s in the query protocol, "+
			"and SQS in AWS JSON 1.0", action, snsVersion)
	}
	for _, field := range slices.Sorted(maps.Keys(form)) {
		parameter, _, _ := strings.Cut(field, ".")
		if parameter != "Action" && parameter != "Version" && !slices.Contains(op.parameters, parameter) {
			return op, failf("InvalidParameter", "Invalid parameter: the local cloud does not support %s of %s", parameter, action)
		}
	}
	return op, nil
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

// text returns an element that contains text.
func text(name, value string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(value)) // a strings.Builder never fails
	return tag(name, b.String())
}

// formList calls yield with the prefix of each numbered member of a list or map: "Attributes.entry.1.", "Attributes.entry.2.", …
// It stops at the first member that lacks the field.
func formList(form url.Values, prefix string, field string, yield func(at string)) {
	for i := 1; ; i++ {
		at := prefix + "." + strconv.Itoa(i) + "."
		if !form.Has(at + field) {
			return
		}
		yield(at)
	}
}

// formAttributes returns the message attributes of a form. A binary value has no text, so that it is refused later.
func formAttributes(form url.Values) map[string]attribute {
	m := map[string]attribute{}
	formList(form, "MessageAttributes.entry", "Name", func(at string) {
		m[form.Get(at+"Name")] = attribute{DataType: form.Get(at + "Value.DataType"), String: form.Get(at + "Value.StringValue")}
	})
	return m
}

// topicOf returns the name of the topic whose ARN a parameter contains.
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
	return text("TopicArn", c.broker.names.topicARN(name)), c.broker.createTopic(name)
}

func (c *Cloud) snsSubscribe(form url.Values, _ *http.Request) (string, error) {
	name, err := c.topicOf(form, "TopicArn")
	if err != nil {
		return "", err
	}
	if p := form.Get("Protocol"); p != "sqs" {
		return "", failf("InvalidParameter", "Invalid parameter: the local cloud delivers to sqs only, not to %s", p)
	}
	attributes := map[string]string{}
	formList(form, "Attributes.entry", "key", func(at string) { attributes[form.Get(at+"key")] = form.Get(at + "value") })
	arn, err := c.broker.subscribe(name, form.Get("Endpoint"), attributes)
	return text("SubscriptionArn", arn), err
}

func (c *Cloud) snsListSubscriptions(form url.Values, _ *http.Request) (string, error) {
	name, err := c.topicOf(form, "TopicArn")
	if err != nil {
		return "", err
	}
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	if c.broker.topics[name] == nil {
		return "", errNoTopic()
	}
	var arns []string
	for _, s := range c.broker.subscriptionsOf(name) {
		arns = append(arns, s.ARN)
	}
	arns, next := page(arns, form.Get("NextToken"), 0, snsPage)
	var b strings.Builder
	for _, arn := range arns {
		b.WriteString(tag("member", text("SubscriptionArn", arn)+text("TopicArn", c.broker.names.topicARN(name))+
			text("Protocol", "sqs")+text("Endpoint", c.broker.subscriptions[arn].Endpoint)+text("Owner", c.broker.names.account)))
	}
	result := tag("Subscriptions", b.String())
	if next != "" {
		result += text("NextToken", next)
	}
	return result, nil
}

func (c *Cloud) snsSetSubscriptionAttributes(form url.Values, _ *http.Request) (string, error) {
	return "", c.broker.setSubscriptionAttribute(form.Get("SubscriptionArn"), form.Get("AttributeName"), form.Get("AttributeValue"))
}

func (c *Cloud) snsPublish(form url.Values, r *http.Request) (string, error) {
	parameter := "TopicArn"
	if !form.Has(parameter) {
		parameter = "TargetArn" // watermill's publisher names the topic in it
	}
	name, err := c.topicOf(form, parameter)
	if err != nil {
		return "", err
	}
	// SNS accepts no system attributes: the trace context arrives in this header only.
	p := publication{id: c.newID(), body: form.Get("Message"), attributes: formAttributes(form),
		traceHeader: r.Header.Get("X-Amzn-Trace-Id")}
	if !traceHeader.MatchString(p.traceHeader) {
		p.traceHeader = ""
	}
	if err := p.check(); err != nil {
		return "", err
	}
	return text("MessageId", p.id), c.broker.publish(name, p)
}

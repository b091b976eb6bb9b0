package aws

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// maxPublishSize is SNS's limit of a message with its attributes, in bytes.
const maxPublishSize = 256 << 10

// topic is a standard SNS topic.
type topic struct {
	Name       string            `json:"name"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
}

// subscription leads a topic's messages into a queue.
type subscription struct {
	ARN        string            `json:"arn"`
	Topic      string            `json:"topic"`    // name
	Endpoint   string            `json:"endpoint"` // ARN of the queue
	Attributes map[string]string `json:"attributes,omitempty"`

	filter     *filterPolicy
	deadLetter string // ARN of the queue for what cannot be delivered
}

// subscriptionAttributes are those that may be set; the others of SNS concern other protocols.
var subscriptionAttributes = []string{"RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy", "DeliveryPolicy", "ReplayPolicy", "SubscriptionRoleArn"}

// configure derives the settings from the attributes, or says what is wrong with them.
func (s *subscription) configure() error {
	for name := range s.Attributes {
		if !slices.Contains(subscriptionAttributes, name) {
			return failf("InvalidParameter", "Invalid parameter: AttributeName %s", name)
		}
	}
	if v := s.Attributes["RawMessageDelivery"]; v != "" && v != "true" && v != "false" {
		return failf("InvalidParameter", "Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value [%s]. Must be true or false.", v)
	}
	scope := s.Attributes["FilterPolicyScope"]
	if scope != "" && scope != "MessageAttributes" && scope != "MessageBody" {
		return failf("InvalidParameter", "Invalid parameter: FilterPolicyScope: Invalid value [%s].", scope)
	}
	var err error
	if s.filter, err = parseFilterPolicy(s.Attributes["FilterPolicy"], scope == "MessageBody"); err != nil {
		return failf("InvalidParameter", "Invalid parameter: FilterPolicy: %v", err)
	}
	s.deadLetter = ""
	if v := s.Attributes["RedrivePolicy"]; v != "" {
		var p struct {
			Target string `json:"deadLetterTargetArn"`
		}
		if err := json.Unmarshal([]byte(v), &p); err != nil || p.Target == "" {
			return failf("InvalidParameter", "Invalid parameter: RedrivePolicy: it must be a JSON object with deadLetterTargetArn")
		}
		s.deadLetter = p.Target
	}
	return nil
}

func (s *subscription) raw() bool { return s.Attributes["RawMessageDelivery"] == "true" }

// publication is one message published to a topic.
type publication struct {
	id          string
	subject     string
	body        string            // the default text
	perProtocol map[string]string // MessageStructure json; nil otherwise
	attributes  map[string]attribute
	traceHeader string
}

// bodyFor is the text for a protocol.
func (p publication) bodyFor(protocol string) string {
	if text, ok := p.perProtocol[protocol]; ok {
		return text
	}
	return p.body
}

// check says what SNS would refuse.
func (p publication) check() error {
	if p.body == "" {
		return failf("InvalidParameter", "Invalid parameter: Empty message")
	}
	if sizeOf(p.body, p.attributes) > maxPublishSize {
		return failf("InvalidParameter", "Invalid parameter: Message too long: the limit is %d bytes with attributes", maxPublishSize)
	}
	for name, a := range p.attributes {
		if a.DataType == "String.Array" {
			if !json.Valid([]byte(a.String)) {
				return failf("ParameterValueInvalid", "The message attribute '%s' is not a JSON array.", name)
			}
		}
		if !attributeName.MatchString(name) || a.DataType == "" || a.String == "" && len(a.Binary) == 0 {
			return failf("ParameterValueInvalid", "The message attribute '%s' must have a valid name, a type and a non-empty value.", name)
		}
	}
	return nil
}

// queueMessage is the publication as a subscription's queue gets it.
func (p publication) queueMessage(s *subscription, topicARN, id string, now time.Time) *message {
	m := &message{ID: id, TraceHeader: p.traceHeader, Sender: "AIDALLACLOCALTOPIC000", SentAt: now, position: -1}
	body := p.bodyFor("sqs")
	if s.raw() {
		m.Body, m.Attributes = body, p.attributes
		return m
	}
	type shown struct{ Type, Value string }
	notification := struct {
		Type              string
		MessageId         string
		TopicArn          string
		Subject           string `json:",omitempty"`
		Message           string
		Timestamp         string
		SignatureVersion  string
		Signature         string
		SigningCertURL    string
		UnsubscribeURL    string
		MessageAttributes map[string]shown `json:",omitempty"`
	}{
		Type: "Notification", MessageId: p.id, TopicArn: topicARN, Subject: p.subject, Message: body,
		Timestamp: now.UTC().Format("2006-01-02T15:04:05.000Z"), SignatureVersion: "1",
		Signature: "local-cloud-does-not-sign",
	}
	for name, a := range p.attributes {
		if notification.MessageAttributes == nil {
			notification.MessageAttributes = map[string]shown{}
		}
		value := a.String
		if a.isBinary() {
			value = base64.StdEncoding.EncodeToString(a.Binary)
		}
		notification.MessageAttributes[name] = shown{a.DataType, value}
	}
	text, _ := json.MarshalIndent(notification, "", "  ") // strings only
	m.Body = string(text)
	return m
}

// publish puts each publication into the queue of every subscription whose filter it passes: one durable step for all
// of them, so that a crash leaves no queue with it and another without.
func (b *broker) publish(topicName string, batch []publication) error {
	return b.change(func() (record, error) {
		if b.topics[topicName] == nil {
			return record{}, errNoTopic()
		}
		r := record{Op: opSent, At: b.clock.Now()}
		arn := b.names.topicARN(topicName)
		for _, s := range b.subscriptionsOf(topicName) {
			for _, p := range batch {
				if !s.filter.passes(p.attributes, p.bodyFor("sqs")) {
					continue
				}
				m := p.queueMessage(s, arn, b.newID(), r.At)
				target := b.queues[b.names.queueName(s.Endpoint)]
				if target == nil || checkAttributes(m.Attributes) != nil || sizeOf(m.Body, m.Attributes) > target.maxSize {
					target = b.queues[b.names.queueName(s.deadLetter)]
				}
				if target == nil {
					continue // as in SNS: undeliverable and no dead-letter queue
				}
				if target.delay > 0 {
					m.VisibleAt = r.At.Add(target.delay)
				}
				r.Sent = append(r.Sent, sentMessage{Queue: target.Name, Message: m})
			}
		}
		if len(r.Sent) == 0 {
			return record{}, nil
		}
		return r, nil
	})
}

// subscriptionsOf lists a topic's subscriptions by ARN; of all topics when topicName is empty. The caller holds mu.
func (b *broker) subscriptionsOf(topicName string) []*subscription {
	var out []*subscription
	for _, arn := range slices.Sorted(maps.Keys(b.subscriptions)) {
		if s := b.subscriptions[arn]; topicName == "" || s.Topic == topicName {
			out = append(out, s)
		}
	}
	return out
}

var topicName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// createTopic creates a topic, or finds it.
func (b *broker) createTopic(name string, attributes, tags map[string]string) error {
	if strings.HasSuffix(name, ".fifo") || attributes["FifoTopic"] == "true" {
		return failf("InvalidParameter", "the local cloud has standard topics only; FIFO is not emulated")
	}
	if !topicName.MatchString(name) {
		return failf("InvalidParameter", "Invalid parameter: Topic Name")
	}
	return b.change(func() (record, error) {
		if b.topics[name] != nil {
			return record{}, nil
		}
		return record{Op: opTopic, Topic: &topic{Name: name, Attributes: attributes, Tags: tags}}, nil
	})
}

// changeTopic replaces a topic's settings by what edit makes of a copy.
func (b *broker) changeTopic(name string, edit func(*topic)) error {
	return b.change(func() (record, error) {
		old := b.topics[name]
		if old == nil {
			return record{}, errNoTopic()
		}
		t := topic{Name: name, Attributes: map[string]string{}, Tags: map[string]string{}}
		maps.Copy(t.Attributes, old.Attributes)
		maps.Copy(t.Tags, old.Tags)
		edit(&t)
		return record{Op: opTopic, Topic: &t}, nil
	})
}

// subscribe connects a queue, or finds the same subscription with the same attributes.
func (b *broker) subscribe(topicName, endpoint string, attributes map[string]string) (arn string, err error) {
	err = b.change(func() (record, error) {
		if b.topics[topicName] == nil {
			return record{}, errNoTopic()
		}
		if b.names.queueName(endpoint) == "" {
			return record{}, failf("InvalidParameter", "Invalid parameter: SQS endpoint ARN: %s", endpoint)
		}
		for _, s := range b.subscriptionsOf(topicName) {
			if s.Endpoint != endpoint {
				continue
			}
			arn = s.ARN
			for k, v := range attributes {
				if s.Attributes[k] != v {
					return record{}, failf("InvalidParameter", "Invalid parameter: Attributes Reason: Subscription already exists with different attributes")
				}
			}
			return record{}, nil
		}
		s := &subscription{ARN: b.names.topicARN(topicName) + ":" + b.newID(), Topic: topicName, Endpoint: endpoint, Attributes: attributes}
		arn = s.ARN
		return record{Op: opSubscribed, Subscription: s}, s.configure()
	})
	return arn, err
}

// setSubscriptionAttribute overwrites one attribute; an empty value removes it.
func (b *broker) setSubscriptionAttribute(arn, name, value string) error {
	return b.change(func() (record, error) {
		old := b.subscriptions[arn]
		if old == nil {
			return record{}, &failure{code: "NotFound", message: "Subscription does not exist", status: 404}
		}
		s := &subscription{ARN: arn, Topic: old.Topic, Endpoint: old.Endpoint, Attributes: map[string]string{}}
		maps.Copy(s.Attributes, old.Attributes)
		s.Attributes[name] = value
		if err := s.configure(); err != nil {
			return record{}, err
		}
		if value == "" {
			delete(s.Attributes, name)
		}
		return record{Op: opSubscribed, Subscription: s}, nil
	})
}

func errNoTopic() error {
	return &failure{code: "NotFound", message: "Topic does not exist", status: 404}
}

package aws

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"time"
)

// maxPublishSize is SNS's limit of a message with its attributes, in bytes.
const maxPublishSize = 256 << 10

// topic is a standard SNS topic.
type topic struct {
	Name string `json:"name"`
}

// subscription delivers a topic's messages, raw, to a queue.
type subscription struct {
	ARN        string            `json:"arn"`
	Topic      string            `json:"topic"`    // name
	Endpoint   string            `json:"endpoint"` // ARN of the queue
	Attributes map[string]string `json:"attributes,omitempty"`

	filter     filterPolicy
	deadLetter string // ARN of the queue for messages that cannot be delivered; empty: they are dropped
}

// configure derives the settings from the attributes. It refuses attributes that are invalid or not supported.
func (s *subscription) configure() error {
	for name := range s.Attributes {
		if !slices.Contains([]string{"RawMessageDelivery", "FilterPolicy", "RedrivePolicy"}, name) {
			return failf("InvalidParameter", "Invalid parameter: the local cloud does not support the subscription attribute %s", name)
		}
	}
	if v := s.Attributes["RawMessageDelivery"]; v != "true" {
		return failf("InvalidParameter", "Invalid parameter: RawMessageDelivery is %q; the local cloud supports raw delivery (true) only",
			v)
	}
	var err error
	if s.filter, err = parseFilterPolicy(s.Attributes["FilterPolicy"]); err != nil {
		return err
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

// publication is one message published to a topic.
type publication struct {
	id          string
	body        string
	attributes  map[string]attribute
	traceHeader string
}

// check refuses what SNS would refuse.
func (p publication) check() error {
	if p.body == "" {
		return failf("InvalidParameter", "Invalid parameter: Empty message")
	}
	if sizeOf(p.body, p.attributes) > maxPublishSize {
		return failf("InvalidParameter", "Invalid parameter: Message too long: the limit is %d bytes with attributes", maxPublishSize)
	}
	if err := checkAttributes(p.attributes); err != nil {
		return failf("ParameterValueInvalid", "%s", asFailure(err).message)
	}
	return nil
}

// publish puts a publication into the queue of every subscription whose filter it passes. One record covers all of them,
// so that after a crash either all queues have the message or none.
func (b *broker) publish(topicName string, p publication) error {
	return b.change(func() (record, error) {
		if b.topics[topicName] == nil {
			return record{}, errNoTopic()
		}
		r := record{Op: opSent, At: b.clock.Now()}
		for _, s := range b.subscriptionsOf(topicName) {
			if !s.filter.passes(p.attributes) {
				continue
			}
			target := b.queues[b.names.queueName(s.Endpoint)]
			if target == nil {
				target = b.queues[b.names.queueName(s.deadLetter)]
			}
			if target == nil {
				continue // as in SNS: undeliverable, and no dead-letter queue
			}
			r.Sent = append(r.Sent, sentMessage{Queue: target.Name, Message: p.message(b.newID(), r.At)})
		}
		if len(r.Sent) == 0 {
			return record{}, nil
		}
		return r, nil
	})
}

// message returns the publication as a queue receives it.
func (p publication) message(id string, now time.Time) *message {
	return &message{
		ID: id, Body: p.body, Attributes: p.attributes, TraceHeader: p.traceHeader, Sender: "AIDALLACLOCALTOPIC000", SentAt: now,
		position: -1,
	}
}

// subscriptionsOf returns a topic's subscriptions, sorted by ARN. The caller holds mu.
func (b *broker) subscriptionsOf(topicName string) []*subscription {
	var out []*subscription
	for _, arn := range slices.Sorted(maps.Keys(b.subscriptions)) {
		if s := b.subscriptions[arn]; s.Topic == topicName {
			out = append(out, s)
		}
	}
	return out
}

var topicName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// createTopic creates a topic; one that exists is kept.
func (b *broker) createTopic(name string) error {
	if !topicName.MatchString(name) {
		return failf("InvalidParameter", "Invalid parameter: Topic Name %q (the local cloud supports standard topics only, not FIFO)", name)
	}
	return b.change(func() (record, error) {
		if b.topics[name] != nil {
			return record{}, nil
		}
		return record{Op: opTopic, Topic: &topic{Name: name}}, nil
	})
}

// subscribe subscribes a queue. A subscription that exists with the same attributes is kept; with others, it is an error.
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
					return record{}, failf("InvalidParameter",
						"Invalid parameter: Attributes Reason: Subscription already exists with different attributes")
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

// setSubscriptionAttribute overwrites one attribute.
func (b *broker) setSubscriptionAttribute(arn, name, value string) error {
	return b.change(func() (record, error) {
		old := b.subscriptions[arn]
		if old == nil {
			return record{}, &failure{code: "NotFound", message: "Subscription does not exist", status: 404}
		}
		s := &subscription{ARN: arn, Topic: old.Topic, Endpoint: old.Endpoint, Attributes: maps.Clone(old.Attributes)}
		s.Attributes[name] = value
		return record{Op: opSubscribed, Subscription: s}, s.configure()
	})
}

func errNoTopic() error {
	return &failure{code: "NotFound", message: "Topic does not exist", status: 404}
}

package aws

import (
	"encoding/json"
	"maps"
	"regexp"
	"strconv"
)

// maxMessageSize is SQS's limit of a message, and of a whole batch, in bytes.
const maxMessageSize = 1 << 20

// queueDefaults are the attributes of a queue that sets none.
var queueDefaults = map[string]string{
	"MessageRetentionPeriod": "345600", // 4 days
	"VisibilityTimeout":      "30",
}

// queueRanges are the bounds of the attributes that are numbers.
var queueRanges = map[string][2]int{
	"MessageRetentionPeriod": {60, 1209600},
	"VisibilityTimeout":      {0, 43200},
}

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkQueueAttributes refuses what SQS would refuse, and attributes that are not supported. The caller holds mu.
func (b *broker) checkQueueAttributes(attributes map[string]string) error {
	for name, value := range attributes {
		bounds, isNumber := queueRanges[name]
		switch {
		case isNumber:
			if n, err := strconv.Atoi(value); err != nil || n < bounds[0] || n > bounds[1] {
				return failf("InvalidAttributeValue", "Invalid value %q for the parameter %s: it must be a number from %d to %d.",
					value, name, bounds[0], bounds[1])
			}
		case name == "RedrivePolicy":
			p, err := parseRedrivePolicy(value)
			if err != nil {
				return failf("InvalidParameterValue", "Value %s for parameter RedrivePolicy is invalid. Reason: %v.", value, err)
			}
			if p != nil && b.queues[b.names.queueName(p.Target)] == nil {
				return failf("InvalidParameterValue", "Value %s for parameter RedrivePolicy is invalid. "+
					"Reason: Dead letter target does not exist.", value)
			}
		case name == "Policy": // accepted and returned; it has no effect here
			if value != "" && !json.Valid([]byte(value)) {
				return failf("InvalidAttributeValue", "Invalid value for the parameter Policy: not JSON.")
			}
		default:
			return failf("InvalidAttributeName", "The local cloud does not support the queue attribute %s.", name)
		}
	}
	return nil
}

// createQueue creates a queue. A queue that exists with the same attributes is kept; with others, it is an error.
func (b *broker) createQueue(name string, attributes map[string]string) error {
	if !queueName.MatchString(name) {
		return failf("InvalidParameterValue", "The name of a queue can only include alphanumeric characters, hyphens, or underscores, "+
			"1 to 80 in length; the local cloud supports standard queues only, not FIFO.")
	}
	return b.change(func() (record, error) {
		if err := b.checkQueueAttributes(attributes); err != nil {
			return record{}, err
		}
		if q := b.queues[name]; q != nil {
			for k, v := range attributes {
				if q.attribute(k) != v {
					return record{}, failf("QueueNameExists",
						"A queue already exists with the same name and a different value for attribute %s", k)
				}
			}
			return record{}, nil
		}
		return record{Op: opQueue, Queue: &queueRecord{Name: name, Attributes: maps.Clone(attributes)}}, nil
	})
}

// setQueueAttributes overwrites the attributes given; an empty value removes one.
func (b *broker) setQueueAttributes(name string, attributes map[string]string) error {
	return b.change(func() (record, error) {
		q := b.queues[name]
		if q == nil {
			return record{}, errNoQueue(name)
		}
		if err := b.checkQueueAttributes(attributes); err != nil {
			return record{}, err
		}
		set := map[string]string{}
		maps.Copy(set, q.Attributes)
		maps.Copy(set, attributes)
		maps.DeleteFunc(set, func(_, value string) bool { return value == "" })
		return record{Op: opQueue, Queue: &queueRecord{Name: name, Attributes: set}}, nil
	})
}

// queueAttributes returns the attributes requested, or every one for "All".
func (b *broker) queueAttributes(name string, requested []string) (map[string]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[name]
	if q == nil {
		return nil, errNoQueue(name)
	}
	now := b.clock.Now()
	if err := b.expire(q, now); err != nil {
		return nil, err
	}
	q.promote(now)
	all := maps.Clone(queueDefaults)
	maps.Copy(all, q.Attributes)
	all["QueueArn"] = b.names.queueARN(name)
	all["ApproximateNumberOfMessages"] = strconv.Itoa(q.visible.Len())
	all["ApproximateNumberOfMessagesNotVisible"] = strconv.Itoa(len(q.inFlight))
	all["ApproximateNumberOfMessagesDelayed"] = "0" // delays are not supported
	out := map[string]string{}
	for _, r := range requested {
		if r == "All" {
			return all, nil
		}
		if v, ok := all[r]; ok {
			out[r] = v
		} else if r != "Policy" && r != "RedrivePolicy" { // known, and perhaps not set
			return nil, failf("InvalidAttributeName", "The local cloud does not support the queue attribute %s.", r)
		}
	}
	return out, nil
}

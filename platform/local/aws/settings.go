package aws

import (
	"encoding/json"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxMessageSize is SQS's limit of a message, and of a whole batch, in bytes.
const maxMessageSize = 1 << 20

// queueDefaults are the attributes of a queue that sets none.
var queueDefaults = map[string]string{
	"DelaySeconds":                  "0",
	"MaximumMessageSize":            strconv.Itoa(maxMessageSize),
	"MessageRetentionPeriod":        "345600", // 4 days
	"ReceiveMessageWaitTimeSeconds": "0",
	"VisibilityTimeout":             "30",
	"SqsManagedSseEnabled":          "true",
}

// queueRanges are the attributes that hold a number, with their bounds.
var queueRanges = map[string][2]int{
	"DelaySeconds":                  {0, 900},
	"MaximumMessageSize":            {1024, maxMessageSize},
	"MessageRetentionPeriod":        {60, 1209600},
	"ReceiveMessageWaitTimeSeconds": {0, 20},
	"VisibilityTimeout":             {0, 43200},
	"KmsDataKeyReusePeriodSeconds":  {60, 86400},
}

// keptAttributes are accepted and given back, and have no effect here.
var keptAttributes = map[string]bool{"Policy": true, "RedriveAllowPolicy": true, "KmsMasterKeyId": true, "SqsManagedSseEnabled": true}

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkQueueAttributes refuses what SQS would refuse. The caller holds mu.
func (b *broker) checkQueueAttributes(attributes map[string]string) error {
	for name, value := range attributes {
		bounds, isNumber := queueRanges[name]
		switch {
		case isNumber:
			if n, err := strconv.Atoi(value); err != nil || n < bounds[0] || n > bounds[1] {
				return failf("InvalidAttributeValue", "Invalid value %q for the parameter %s: it must be a number from %d to %d.", value, name, bounds[0], bounds[1])
			}
		case name == "RedrivePolicy":
			p, err := parseRedrivePolicy(value)
			if err != nil {
				return failf("InvalidParameterValue", "Value %s for parameter RedrivePolicy is invalid. Reason: %v.", value, err)
			}
			if p != nil && b.queues[b.names.queueName(p.Target)] == nil {
				return failf("InvalidParameterValue", "Value %s for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.", value)
			}
		case name == "FifoQueue" || name == "ContentBasedDeduplication" || name == "DeduplicationScope" || name == "FifoThroughputLimit":
			return errFIFO()
		case keptAttributes[name]:
			if strings.HasSuffix(name, "Policy") && value != "" && !json.Valid([]byte(value)) {
				return failf("InvalidAttributeValue", "Invalid value for the parameter %s: it is not JSON.", name)
			}
		default:
			return failf("InvalidAttributeName", "Unknown Attribute %s.", name)
		}
	}
	return nil
}

func errFIFO() error {
	return failf("UnsupportedOperation", "the local cloud has standard queues and topics only; FIFO is not emulated")
}

// createQueue creates a queue, or finds it with the attributes asked for.
func (b *broker) createQueue(name string, attributes, tags map[string]string) error {
	if strings.HasSuffix(name, ".fifo") {
		return errFIFO()
	}
	if !queueName.MatchString(name) {
		return failf("InvalidParameterValue", "The name of a queue can only include alphanumeric characters, hyphens, or underscores, 1 to 80 in length.")
	}
	return b.change(func() (record, error) {
		if err := b.checkQueueAttributes(attributes); err != nil {
			return record{}, err
		}
		if q := b.queues[name]; q != nil {
			for k, v := range attributes {
				if q.attribute(k) != v {
					return record{}, failf("QueueNameExists", "A queue already exists with the same name and a different value for attribute %s", k)
				}
			}
			return record{}, nil
		}
		now := b.clock.Now()
		return record{Op: opQueue, Queue: &queueRecord{Name: name, Attributes: maps.Clone(attributes), Tags: tags, CreatedAt: now, ModifiedAt: now}}, nil
	})
}

// changeQueue replaces a queue's settings by what edit makes of a copy.
func (b *broker) changeQueue(name string, edit func(*queueRecord) error) error {
	return b.change(func() (record, error) {
		q := b.queues[name]
		if q == nil {
			return record{}, errNoQueue(name)
		}
		r := q.queueRecord
		r.Attributes, r.Tags = maps.Clone(r.Attributes), maps.Clone(r.Tags)
		if r.Attributes == nil {
			r.Attributes = map[string]string{}
		}
		if r.Tags == nil {
			r.Tags = map[string]string{}
		}
		if err := edit(&r); err != nil {
			return record{}, err
		}
		r.ModifiedAt = b.clock.Now()
		return record{Op: opQueue, Queue: &r}, nil
	})
}

// setQueueAttributes overwrites the attributes named; an empty policy removes it.
func (b *broker) setQueueAttributes(name string, attributes map[string]string) error {
	return b.changeQueue(name, func(r *queueRecord) error {
		if err := b.checkQueueAttributes(attributes); err != nil {
			return err
		}
		for k, v := range attributes {
			if v == "" {
				delete(r.Attributes, k)
			} else {
				r.Attributes[k] = v
			}
		}
		return nil
	})
}

// queueAttributes answers the attributes named, or with "All" every one.
func (b *broker) queueAttributes(name string, wanted []string) (map[string]string, error) {
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
	all["ApproximateNumberOfMessagesNotVisible"] = strconv.Itoa(q.inFlight)
	all["ApproximateNumberOfMessagesDelayed"] = strconv.Itoa(len(q.hidden) - q.inFlight)
	all["CreatedTimestamp"] = epochSeconds(q.CreatedAt)
	all["LastModifiedTimestamp"] = epochSeconds(q.ModifiedAt)
	out := map[string]string{}
	for _, w := range wanted {
		if w == "All" {
			return all, nil
		}
		v, ok := all[w]
		_, isNumber := queueRanges[w]
		switch {
		case ok:
			out[w] = v
		case isNumber, keptAttributes[w], w == "RedrivePolicy", strings.HasPrefix(w, "Fifo"), w == "ContentBasedDeduplication", w == "DeduplicationScope":
			// known, and not set
		default:
			return nil, failf("InvalidAttributeName", "Unknown Attribute %s.", w)
		}
	}
	return out, nil
}

func epochSeconds(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

func epochMillis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

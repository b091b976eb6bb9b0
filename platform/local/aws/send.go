package aws

import (
	"regexp"
	"time"
)

// outgoing is a message before it is sent.
type outgoing struct {
	body        string
	attributes  map[string]attribute
	traceHeader string
	delay       *time.Duration // nil: the queue's
}

// maxDelay is SQS's longest delay.
const maxDelay = 900 * time.Second

var traceHeader = regexp.MustCompile(`^[\x20-\x7E]{1,1000}$`)

// check says what SQS would refuse of the message on this queue.
func (o outgoing) check(q *queue) error {
	if o.body == "" {
		return failf("MissingParameter", "The request must contain the parameter MessageBody.")
	}
	if err := checkText(o.body); err != nil {
		return err
	}
	if err := checkAttributes(o.attributes); err != nil {
		return err
	}
	if sizeOf(o.body, o.attributes) > q.maxSize {
		return failf("InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", q.maxSize)
	}
	if o.delay != nil && (*o.delay < 0 || *o.delay > maxDelay) {
		return failf("InvalidParameterValue", "Value %d for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.", int(o.delay.Seconds()))
	}
	if o.traceHeader != "" && !traceHeader.MatchString(o.traceHeader) {
		return failf("InvalidParameterValue", "The system attribute AWSTraceHeader is not a trace header.")
	}
	return nil
}

// message makes the message that is stored.
func (o outgoing) message(id, sender string, q *queue, now time.Time) *message {
	m := &message{ID: id, Body: o.body, Attributes: o.attributes, TraceHeader: o.traceHeader, Sender: sender, SentAt: now, position: -1}
	delay := q.delay
	if o.delay != nil {
		delay = *o.delay
	}
	if delay > 0 {
		m.VisibleAt = now.Add(delay)
	}
	return m
}

// send sends a batch in one durable step and answers one message id or one error each.
func (b *broker) send(name, sender string, batch []outgoing) (ids []string, problems []error, err error) {
	ids, problems = make([]string, len(batch)), make([]error, len(batch))
	err = b.change(func() (record, error) {
		q := b.queues[name]
		if q == nil {
			return record{}, errNoQueue(name)
		}
		total := 0
		for _, o := range batch {
			total += sizeOf(o.body, o.attributes)
		}
		if len(batch) > 1 && total > maxMessageSize {
			return record{}, failf("BatchRequestTooLong", "Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxMessageSize, total)
		}
		r := record{Op: opSent, At: b.clock.Now()}
		for i, o := range batch {
			if problems[i] = o.check(q); problems[i] != nil {
				continue
			}
			ids[i] = b.newID()
			r.Sent = append(r.Sent, sentMessage{Queue: name, Message: o.message(ids[i], sender, q, r.At)})
		}
		if len(r.Sent) == 0 {
			return record{}, nil
		}
		return r, nil
	})
	return ids, problems, err
}

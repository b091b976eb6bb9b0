package aws

import "regexp"

// outgoing is a message before it is sent.
type outgoing struct {
	body        string
	attributes  map[string]attribute
	traceHeader string
}

var traceHeader = regexp.MustCompile(`^[\x20-\x7E]{1,1000}$`)

// check refuses what SQS would refuse.
func (o outgoing) check() error {
	if o.body == "" {
		return failf("MissingParameter", "The request must contain the parameter MessageBody.")
	}
	if err := checkText(o.body); err != nil {
		return err
	}
	if err := checkAttributes(o.attributes); err != nil {
		return err
	}
	if sizeOf(o.body, o.attributes) > maxMessageSize {
		return failf("InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be shorter than %d bytes.",
			maxMessageSize)
	}
	if o.traceHeader != "" && !traceHeader.MatchString(o.traceHeader) {
		return failf("InvalidParameterValue", "The system attribute AWSTraceHeader is not a trace header.")
	}
	return nil
}

// send sends a batch in one durable step. It returns one message id or one error for each message.
func (b *broker) send(name, sender string, batch []outgoing) (ids []string, problems []error, err error) {
	ids, problems = make([]string, len(batch)), make([]error, len(batch))
	err = b.change(func() (record, error) {
		if b.queues[name] == nil {
			return record{}, errNoQueue(name)
		}
		total := 0
		for _, o := range batch {
			total += sizeOf(o.body, o.attributes)
		}
		if len(batch) > 1 && total > maxMessageSize {
			return record{}, failf("BatchRequestTooLong", "Batch requests cannot be longer than %d bytes. You have sent %d bytes.",
				maxMessageSize, total)
		}
		r := record{Op: opSent, At: b.clock.Now()}
		for i, o := range batch {
			if problems[i] = o.check(); problems[i] != nil {
				continue
			}
			ids[i] = b.newID()
			r.Sent = append(r.Sent, sentMessage{Queue: name, Message: &message{
				ID: ids[i], Body: o.body, Attributes: o.attributes, TraceHeader: o.traceHeader, Sender: sender, SentAt: r.At, position: -1,
			}})
		}
		if len(r.Sent) == 0 {
			return record{}, nil
		}
		return r, nil
	})
	return ids, problems, err
}

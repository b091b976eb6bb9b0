package aws

import (
	"fmt"
	"time"
)

// The operations of a record.
const (
	opQueue        = "queue"        // create a queue or replace its settings
	opQueueGone    = "queue-gone"   // delete the queue Name
	opPurged       = "purged"       // forget all messages of queue Name
	opTopic        = "topic"        // create a topic or replace its settings
	opTopicGone    = "topic-gone"   // delete the topic Name and its subscriptions
	opSubscribed   = "subscribed"   // create a subscription or replace its settings
	opUnsubscribed = "unsubscribed" // delete the subscription Name (an ARN)
	opSent         = "sent"         // messages, into one or several queues
	opReceived     = "received"     // messages IDs of queue Name, at At, hidden until Until
	opDeleted      = "deleted"      // messages IDs of queue Name
	opMoved        = "moved"        // messages of queue Name into queue To
)

// record is one change of the broker's state, and one line of its journal: it happens as a whole or not at all.
type record struct {
	Op           string        `json:"op"`
	At           time.Time     `json:"at,omitzero"`
	Name         string        `json:"name,omitempty"`
	Queue        *queueRecord  `json:"queue,omitempty"`
	Topic        *topic        `json:"topic,omitempty"`
	Subscription *subscription `json:"subscription,omitempty"`
	Sent         []sentMessage `json:"sent,omitempty"`
	IDs          []string      `json:"ids,omitempty"`
	Until        time.Time     `json:"until,omitzero"`
	To           string        `json:"to,omitempty"`
	NewIDs       []string      `json:"new_ids,omitempty"` // opMoved by a task: the moved messages are new ones
}

// queueRecord is a queue without its messages.
type queueRecord struct {
	Name       string            `json:"name"`
	Attributes map[string]string `json:"attributes"` // set ones only; defaults are not stored
	Tags       map[string]string `json:"tags,omitempty"`
	CreatedAt  time.Time         `json:"created_at"`
	ModifiedAt time.Time         `json:"modified_at"`
}

// sentMessage is a message and the queue it goes to.
type sentMessage struct {
	Queue   string   `json:"queue"`
	Message *message `json:"message"`
}

// apply changes the state as the record says. It is the only code that does, live and on replay, so that what was
// journaled is what is there. Records about queues or messages that are gone change nothing.
func (b *broker) apply(r record) error {
	switch r.Op {
	case opQueue:
		q := b.queues[r.Queue.Name]
		if q == nil {
			q = newQueue()
			b.queues[r.Queue.Name] = q
		}
		q.queueRecord = *r.Queue
		return q.configure()
	case opQueueGone:
		if q := b.queues[r.Name]; q != nil {
			delete(b.queues, r.Name)
			q.ring()
		}
	case opPurged:
		if q := b.queues[r.Name]; q != nil {
			q.clear()
		}
	case opTopic:
		b.topics[r.Topic.Name] = r.Topic
	case opTopicGone:
		delete(b.topics, r.Name)
		for arn, s := range b.subscriptions {
			if s.Topic == r.Name {
				delete(b.subscriptions, arn)
			}
		}
	case opSubscribed:
		if err := r.Subscription.configure(); err != nil {
			return err
		}
		b.subscriptions[r.Subscription.ARN] = r.Subscription
	case opUnsubscribed:
		delete(b.subscriptions, r.Name)
	case opSent:
		for _, s := range r.Sent {
			if q := b.queues[s.Queue]; q != nil {
				q.add(s.Message, r.At)
			}
		}
	case opReceived:
		if q := b.queues[r.Name]; q != nil {
			for _, id := range r.IDs {
				q.take(id, r.At, r.Until)
			}
		}
	case opDeleted:
		if q := b.queues[r.Name]; q != nil {
			for _, id := range r.IDs {
				q.remove(id)
			}
		}
	case opMoved:
		b.applyMoved(r)
	default:
		return fmt.Errorf("unknown operation %q; the state was written by another version", r.Op)
	}
	return nil
}

// applyMoved carries messages from one queue to another. Into a dead-letter queue a message keeps its id and times
// and notes where it came from; moved by a task it is a new message, as in SQS.
func (b *broker) applyMoved(r record) {
	from, to := b.queues[r.Name], b.queues[r.To]
	if from == nil || to == nil {
		return
	}
	for i, id := range r.IDs {
		m := from.remove(id)
		if m == nil {
			continue
		}
		if r.NewIDs != nil {
			m.ID, m.SentAt, m.FirstReceivedAt, m.Receives, m.Before, m.DeadLetterSource = r.NewIDs[i], r.At, time.Time{}, 0, 0, ""
		} else {
			m.Before, m.DeadLetterSource = m.Receives, r.Name
		}
		m.VisibleAt = time.Time{}
		to.add(m, r.At)
	}
}

package aws

import (
	"fmt"
	"time"
)

// The operations of a record.
const (
	opQueue      = "queue"      // create a queue or replace its settings
	opQueueGone  = "queue-gone" // delete the queue Name
	opTopic      = "topic"      // create a topic
	opSubscribed = "subscribed" // create a subscription or replace its settings
	opSent       = "sent"       // put messages into one or several queues
	opReceived   = "received"   // put the messages IDs of queue Name in flight, at At, until Until
	opDeleted    = "deleted"    // delete the messages IDs of queue Name
	opMoved      = "moved"      // move the messages IDs of queue Name to its dead-letter queue To
)

// record is one change of the broker's state and one line of its journal. It happens as a whole or not at all.
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
}

// queueRecord is a queue without its messages.
type queueRecord struct {
	Name       string            `json:"name"`
	Attributes map[string]string `json:"attributes"` // set ones only; defaults are not stored
}

// sentMessage is a message and the queue it goes to.
type sentMessage struct {
	Queue   string   `json:"queue"`
	Message *message `json:"message"`
}

// apply makes the change of a record. No other code changes the state, neither live nor on replay, so that the
// state is always what was journaled. Records about deleted queues or messages change nothing.
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
	case opTopic:
		b.topics[r.Topic.Name] = r.Topic
	case opSubscribed:
		if err := r.Subscription.configure(); err != nil {
			return err
		}
		b.subscriptions[r.Subscription.ARN] = r.Subscription
	case opSent:
		for _, s := range r.Sent {
			if q := b.queues[s.Queue]; q != nil {
				q.add(s.Message)
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

// applyMoved moves messages to a dead-letter queue. A message keeps its id and times, and records where it came from.
func (b *broker) applyMoved(r record) {
	from, to := b.queues[r.Name], b.queues[r.To]
	if from == nil || to == nil {
		return
	}
	for _, id := range r.IDs {
		if m := from.remove(id); m != nil {
			m.Before, m.DeadLetterSource = m.Receives, r.Name
			to.add(m)
		}
	}
}

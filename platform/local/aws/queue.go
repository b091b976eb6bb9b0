package aws

import (
	"container/heap"
	"container/list"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// maxInFlight is the number of messages of one standard queue that may be in flight.
const maxInFlight = 120_000

// message is one message of one queue.
type message struct {
	ID               string               `json:"id"`
	Body             string               `json:"body"`
	Attributes       map[string]attribute `json:"attributes,omitempty"`
	TraceHeader      string               `json:"trace_header,omitempty"` // AWSTraceHeader
	Sender           string               `json:"sender,omitempty"`
	SentAt           time.Time            `json:"sent_at"`
	FirstReceivedAt  time.Time            `json:"first_received_at,omitzero"`
	Receives         int                  `json:"receives,omitempty"`
	Before           int                  `json:"before,omitempty"`             // receives in the source queue, for a dead letter
	DeadLetterSource string               `json:"dead_letter_source,omitempty"` // name of the source queue, for a dead letter

	hiddenUntil time.Time     // while in flight
	position    int           // in the queue's heap of messages in flight; -1 while visible
	visible     *list.Element // in the queue's list of visible messages; nil while in flight
}

// queue is a standard queue. Every message is either visible (a list, oldest first) or in flight (a heap, by the time at
// which it becomes visible again).
type queue struct {
	queueRecord

	visibility, retention time.Duration
	redrive               *redrivePolicy

	messages map[string]*message
	visible  list.List
	inFlight hiddenHeap
	expiry   time.Time     // no message expires before this time; zero: unknown
	bell     chan struct{} // closed when a message becomes visible or the queue is deleted
}

// redrivePolicy contains the number of receives after which a message is moved, and the queue that it is moved to.
type redrivePolicy struct {
	Target      string // ARN
	MaxReceives int
}

func newQueue() *queue {
	return &queue{messages: map[string]*message{}, bell: make(chan struct{})}
}

// configure derives the settings from the attributes.
func (q *queue) configure() error {
	seconds := func(name string) time.Duration {
		n, _ := strconv.Atoi(q.attribute(name)) // validated when set
		return time.Duration(n) * time.Second
	}
	q.visibility, q.retention = seconds("VisibilityTimeout"), seconds("MessageRetentionPeriod")
	q.expiry = time.Time{}
	var err error
	q.redrive, err = parseRedrivePolicy(q.attribute("RedrivePolicy"))
	return err
}

// attribute returns a setting, or its default.
func (q *queue) attribute(name string) string {
	if v, ok := q.Attributes[name]; ok {
		return v
	}
	return queueDefaults[name]
}

// parseRedrivePolicy reads {"deadLetterTargetArn": "…", "maxReceiveCount": 3}; the count may be a string. For an empty
// text, it returns nil.
func parseRedrivePolicy(s string) (*redrivePolicy, error) {
	if s == "" {
		return nil, nil
	}
	var p struct {
		Target string          `json:"deadLetterTargetArn"`
		Max    json.RawMessage `json:"maxReceiveCount"`
	}
	if err := json.Unmarshal([]byte(s), &p); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	text := string(p.Max)
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1000 {
		return nil, errors.New("maxReceiveCount must be a number from 1 to 1000")
	}
	if p.Target == "" {
		return nil, errors.New("deadLetterTargetArn is missing")
	}
	return &redrivePolicy{Target: p.Target, MaxReceives: n}, nil
}

// add puts a visible message into the queue.
func (q *queue) add(m *message) {
	q.remove(m.ID)
	q.messages[m.ID] = m
	m.position = -1
	if expires := m.SentAt.Add(q.retention); !q.expiry.IsZero() && expires.Before(q.expiry) {
		q.expiry = expires
	}
	q.show(m)
}

// take counts a receive and puts the message in flight.
func (q *queue) take(id string, now, until time.Time) {
	m := q.messages[id]
	if m == nil {
		return
	}
	m.Receives++
	if m.FirstReceivedAt.IsZero() {
		m.FirstReceivedAt = now
	}
	q.hide(m, until)
}

// remove takes a message out of the queue and returns it, or nil if it is not there.
func (q *queue) remove(id string) *message {
	m := q.messages[id]
	if m == nil {
		return nil
	}
	q.detach(m)
	delete(q.messages, id)
	return m
}

// hide puts a message in flight until a time.
func (q *queue) hide(m *message, until time.Time) {
	q.detach(m)
	m.hiddenUntil = until
	heap.Push(&q.inFlight, m)
}

// show makes a detached message visible.
func (q *queue) show(m *message) {
	m.visible = q.visible.PushBack(m)
	q.ring()
}

// detach takes a message out of the list or heap it is in.
func (q *queue) detach(m *message) {
	if m.visible != nil {
		q.visible.Remove(m.visible)
		m.visible = nil
	}
	if m.position >= 0 {
		heap.Remove(&q.inFlight, m.position)
	}
}

// promote makes every message visible whose visibility timeout has ended.
func (q *queue) promote(now time.Time) {
	for len(q.inFlight) > 0 && !q.inFlight[0].hiddenUntil.After(now) {
		m := q.inFlight[0]
		q.detach(m)
		q.show(m)
	}
}

// showInFlight ends every visibility timeout.
func (q *queue) showInFlight() {
	for _, m := range slices.Clone(q.inFlight) {
		q.detach(m)
		q.show(m)
	}
}

// expired returns the ids of messages older than the retention period. It searches the queue only when a message can
// have expired.
func (q *queue) expired(now time.Time) []string {
	if !q.expiry.IsZero() && now.Before(q.expiry) {
		return nil
	}
	var ids []string
	q.expiry = now.Add(q.retention)
	for id, m := range q.messages {
		if expires := m.SentAt.Add(q.retention); !expires.After(now) {
			ids = append(ids, id)
		} else if expires.Before(q.expiry) {
			q.expiry = expires
		}
	}
	return ids
}

// due returns the time at which the next message in flight becomes visible, and false if none is in flight.
func (q *queue) due() (time.Time, bool) {
	if len(q.inFlight) == 0 {
		return time.Time{}, false
	}
	return q.inFlight[0].hiddenUntil, true
}

// ring wakes all receivers that wait for a message.
func (q *queue) ring() {
	close(q.bell)
	q.bell = make(chan struct{})
}

// all returns the messages, visible ones first and in their order.
func (q *queue) all() []*message {
	out := make([]*message, 0, len(q.messages))
	for e := q.visible.Front(); e != nil; e = e.Next() {
		out = append(out, e.Value.(*message))
	}
	return append(out, q.inFlight...)
}

// hiddenHeap orders messages in flight by the time at which they become visible.
type hiddenHeap []*message

func (h hiddenHeap) Len() int           { return len(h) }
func (h hiddenHeap) Less(i, j int) bool { return h[i].hiddenUntil.Before(h[j].hiddenUntil) }
func (h hiddenHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].position, h[j].position = i, j
}

// Push implements heap.Interface.
func (h *hiddenHeap) Push(x any) {
	m := x.(*message)
	m.position = len(*h)
	*h = append(*h, m)
}

// Pop implements heap.Interface.
func (h *hiddenHeap) Pop() any {
	last := len(*h) - 1
	m := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	m.position = -1
	return m
}

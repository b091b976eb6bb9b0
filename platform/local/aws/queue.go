package aws

import (
	"container/heap"
	"container/list"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// maxInFlight is how many messages of one standard queue may be in flight.
const maxInFlight = 120_000

// message is one message of one queue.
type message struct {
	ID               string               `json:"id"`
	Body             string               `json:"body"`
	Attributes       map[string]attribute `json:"attributes,omitempty"`
	TraceHeader      string               `json:"trace_header,omitempty"` // AWSTraceHeader
	Sender           string               `json:"sender,omitempty"`
	SentAt           time.Time            `json:"sent_at"`
	VisibleAt        time.Time            `json:"visible_at,omitzero"` // end of the delay; zero: none, or over
	FirstReceivedAt  time.Time            `json:"first_received_at,omitzero"`
	Receives         int                  `json:"receives,omitempty"`
	Before           int                  `json:"before,omitempty"`             // receives before it came to this dead-letter queue
	DeadLetterSource string               `json:"dead_letter_source,omitempty"` // name of the queue it was dead-lettered from

	hiddenUntil time.Time // while hidden: delayed or in flight
	inFlight    bool
	position    int           // in the queue's hidden heap; -1 while visible
	visible     *list.Element // in the queue's visible list; nil while hidden
}

// queue is a standard queue: every message is either visible (a list, oldest first) or hidden until a time (a heap).
type queue struct {
	queueRecord

	delay, visibility, wait, retention time.Duration
	maxSize                            int // bytes of body and attributes
	redrive                            *redrivePolicy

	messages map[string]*message
	visible  list.List
	hidden   hiddenHeap
	inFlight int
	expiry   time.Time     // no message expires before; zero: unknown
	bell     chan struct{} // closed when something becomes visible or the queue is gone
}

// redrivePolicy is when a message is given up, and where it goes.
type redrivePolicy struct {
	Target      string // ARN
	MaxReceives int
}

func newQueue() *queue {
	return &queue{messages: map[string]*message{}, bell: make(chan struct{})}
}

// configure derives the settings from the attributes.
func (q *queue) configure() error {
	number := func(name string) int {
		n, _ := strconv.Atoi(q.attribute(name)) // validated when set
		return n
	}
	seconds := func(name string) time.Duration { return time.Duration(number(name)) * time.Second }
	q.delay, q.visibility, q.wait = seconds("DelaySeconds"), seconds("VisibilityTimeout"), seconds("ReceiveMessageWaitTimeSeconds")
	q.retention, q.maxSize = seconds("MessageRetentionPeriod"), number("MaximumMessageSize")
	q.expiry = time.Time{}
	var err error
	q.redrive, err = parseRedrivePolicy(q.attribute("RedrivePolicy"))
	return err
}

// attribute is a setting, or its default.
func (q *queue) attribute(name string) string {
	if v, ok := q.Attributes[name]; ok {
		return v
	}
	return queueDefaults[name]
}

// parseRedrivePolicy reads {"deadLetterTargetArn": "…", "maxReceiveCount": 3}; the count may be text. Empty: no policy.
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
		return nil, fmt.Errorf("maxReceiveCount must be a number from 1 to 1000")
	}
	if p.Target == "" {
		return nil, fmt.Errorf("deadLetterTargetArn is missing")
	}
	return &redrivePolicy{Target: p.Target, MaxReceives: n}, nil
}

// add puts a message in, visible at once or after its delay.
func (q *queue) add(m *message, now time.Time) {
	if old := q.messages[m.ID]; old != nil {
		q.remove(m.ID)
	}
	q.messages[m.ID] = m
	m.position = -1
	if expires := m.SentAt.Add(q.retention); !q.expiry.IsZero() && expires.Before(q.expiry) {
		q.expiry = expires
	}
	if m.VisibleAt.After(now) {
		q.hide(m, m.VisibleAt, false)
		q.ring() // whoever waits must know the new time to wake at
		return
	}
	q.show(m)
}

// take counts a receive and hides the message.
func (q *queue) take(id string, now, until time.Time) {
	m := q.messages[id]
	if m == nil {
		return
	}
	m.Receives++
	if m.FirstReceivedAt.IsZero() {
		m.FirstReceivedAt = now
	}
	m.VisibleAt = time.Time{}
	q.detach(m)
	q.hide(m, until, true)
}

// remove takes a message out and answers it, or nil.
func (q *queue) remove(id string) *message {
	m := q.messages[id]
	if m == nil {
		return nil
	}
	q.detach(m)
	delete(q.messages, id)
	return m
}

// clear forgets all messages.
func (q *queue) clear() {
	q.messages = map[string]*message{}
	q.visible.Init()
	q.hidden = nil
	q.inFlight = 0
}

// hide keeps a detached message from receivers until a time.
func (q *queue) hide(m *message, until time.Time, inFlight bool) {
	m.hiddenUntil, m.inFlight = until, inFlight
	if inFlight {
		q.inFlight++
	}
	heap.Push(&q.hidden, m)
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
		heap.Remove(&q.hidden, m.position)
	}
	if m.inFlight {
		m.inFlight = false
		q.inFlight--
	}
}

// promote shows every message whose time has come.
func (q *queue) promote(now time.Time) {
	for len(q.hidden) > 0 && !q.hidden[0].hiddenUntil.After(now) {
		m := q.hidden[0]
		q.detach(m)
		q.show(m)
	}
}

// showInFlight ends every visibility timeout.
func (q *queue) showInFlight(now time.Time) {
	for _, m := range slices.Clone(q.hidden) {
		if m.inFlight {
			q.detach(m)
			q.show(m)
		}
	}
	q.promote(now)
}

// expired answers the ids of messages older than the retention period. It looks through the queue only when one can
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

// due is when the next hidden message becomes visible; false: none is hidden.
func (q *queue) due() (time.Time, bool) {
	if len(q.hidden) == 0 {
		return time.Time{}, false
	}
	return q.hidden[0].hiddenUntil, true
}

// ring wakes everybody who waits for a message.
func (q *queue) ring() {
	close(q.bell)
	q.bell = make(chan struct{})
}

// all lists the messages, visible ones first and in their order.
func (q *queue) all() []*message {
	out := make([]*message, 0, len(q.messages))
	for e := q.visible.Front(); e != nil; e = e.Next() {
		out = append(out, e.Value.(*message))
	}
	return append(out, q.hidden...)
}

// hiddenHeap orders hidden messages by when they become visible.
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

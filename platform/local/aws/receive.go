package aws

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// received is a message as one receive saw it.
type received struct {
	message
	handle string
}

// receive answers up to limit visible messages of a queue, waiting up to wait for the first. Messages that have been
// received as often as the redrive policy allows go to the dead-letter queue instead.
func (b *broker) receive(ctx context.Context, name string, limit int, visibility, wait *time.Duration) ([]received, error) {
	deadline := time.Time{}
	for {
		b.mu.Lock()
		q := b.queues[name]
		if q == nil {
			b.mu.Unlock()
			return nil, errNoQueue(name)
		}
		now := b.clock.Now()
		if deadline.IsZero() {
			patience := q.wait
			if wait != nil {
				patience = *wait
			}
			deadline = now.Add(patience)
		}
		hidden := q.visibility
		if visibility != nil {
			hidden = *visibility
		}
		out, err := b.takeVisible(q, now, limit, now.Add(hidden))
		if err != nil || len(out) > 0 || !now.Before(deadline) || ctx.Err() != nil {
			full := q.inFlight >= maxInFlight
			b.mu.Unlock()
			if err == nil && len(out) == 0 && full && wait != nil && *wait == 0 {
				return nil, failf("OverLimit", "the queue %s has %d messages in flight; delete some", name, maxInFlight)
			}
			return out, err
		}
		until := deadline
		if due, ok := q.due(); ok && due.Before(until) {
			until = due
		}
		bell := q.bell
		b.mu.Unlock()
		b.waitFor(ctx, bell, until.Sub(now))
	}
}

// waitFor returns when the bell rings, ctx ends or d has passed on the broker's clock.
func (b *broker) waitFor(ctx context.Context, bell <-chan struct{}, d time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	passed := make(chan struct{})
	go func() {
		defer close(passed)
		_ = b.clock.Sleep(ctx, d)
	}()
	select {
	case <-bell:
		cancel()
		<-passed
	case <-passed:
	}
}

// takeVisible receives what is visible now. The caller holds mu.
func (b *broker) takeVisible(q *queue, now time.Time, limit int, until time.Time) ([]received, error) {
	if err := b.expire(q, now); err != nil {
		return nil, err
	}
	q.promote(now)
	limit = min(limit, maxInFlight-q.inFlight)
	dead := b.deadLetterQueue(q)
	var ids, given []string
	for e := q.visible.Front(); e != nil && len(ids) < limit; e = e.Next() {
		m := e.Value.(*message)
		if dead != nil && m.Receives-m.Before >= q.redrive.MaxReceives {
			given = append(given, m.ID)
			continue
		}
		ids = append(ids, m.ID)
	}
	if len(given) > 0 {
		if _, err := b.commit(record{Op: opMoved, At: now, Name: q.Name, To: dead.Name, IDs: given}); err != nil {
			return nil, err
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	// Not waited for: a receive that a power cut forgets only makes a count too low.
	if _, err := b.commit(record{Op: opReceived, At: now, Name: q.Name, IDs: ids, Until: until}); err != nil {
		return nil, err
	}
	out := make([]received, 0, len(ids))
	for _, id := range ids {
		m := q.messages[id]
		out = append(out, received{message: *m, handle: handleOf(q.Name, m)})
	}
	return out, nil
}

// expire deletes messages older than the queue's retention period.
func (b *broker) expire(q *queue, now time.Time) error {
	ids := q.expired(now)
	if len(ids) == 0 {
		return nil
	}
	_, err := b.commit(record{Op: opDeleted, Name: q.Name, IDs: ids})
	return err
}

// deadLetterQueue answers the queue's dead-letter queue; nil where it has none (any more).
func (b *broker) deadLetterQueue(q *queue) *queue {
	if q.redrive == nil {
		return nil
	}
	return b.queues[b.names.queueName(q.redrive.Target)]
}

// handleOf is the receipt handle of the message's latest receive. A handle of an earlier receive is recognised by its count.
func handleOf(queue string, m *message) string {
	return base64.RawURLEncoding.EncodeToString([]byte(queue + " " + m.ID + " " + strconv.Itoa(m.Receives)))
}

// parseHandle answers the id and receive count of a receipt handle of this queue.
func parseHandle(queue, handle string) (id string, receives int, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(handle)
	if err != nil {
		return "", 0, false
	}
	part := strings.Split(string(raw), " ")
	if len(part) != 3 || part[0] != queue {
		return "", 0, false
	}
	n, err := strconv.Atoi(part[2])
	return part[1], n, err == nil
}

// deleteMessages deletes by receipt handle and answers one error a handle. A handle that is not the latest one deletes
// nothing and is no error, as in SQS.
func (b *broker) deleteMessages(name string, handles []string) ([]error, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[name]
	if q == nil {
		return nil, errNoQueue(name)
	}
	problems := make([]error, len(handles))
	var ids []string
	for i, h := range handles {
		id, receives, ok := parseHandle(name, h)
		if !ok {
			problems[i] = errHandle(h)
			continue
		}
		if m := q.messages[id]; m != nil && m.Receives == receives {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return problems, nil
	}
	// Not waited for: a delete that a power cut forgets is a redelivery, which consumers bear anyway.
	_, err := b.commit(record{Op: opDeleted, Name: name, IDs: ids})
	return problems, err
}

// changeVisibility hides an in-flight message for another while, counted from now; 0 shows it at once.
func (b *broker) changeVisibility(name, handle string, timeout time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[name]
	if q == nil {
		return errNoQueue(name)
	}
	id, receives, ok := parseHandle(name, handle)
	if !ok {
		return errHandle(handle)
	}
	now := b.clock.Now()
	q.promote(now)
	m := q.messages[id]
	switch {
	case m == nil || m.Receives != receives:
		return failf("InvalidParameterValue", "Value %s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.", handle)
	case !m.inFlight:
		return failf("MessageNotInflight", "the message %s is not in flight", id)
	}
	// In memory only: after a restart every message is visible anyway.
	q.detach(m)
	q.hide(m, now.Add(timeout), true)
	q.promote(now)
	q.ring()
	return nil
}

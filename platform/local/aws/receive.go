package aws

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// received is a message as of one receive.
type received struct {
	message
	handle string
}

// receive returns up to limit visible messages of a queue, waiting up to wait for the first. Messages that were received as
// often as the redrive policy allows go to the dead-letter queue instead. A visibility of nil is the queue's.
func (b *broker) receive(ctx context.Context, name string, limit int, visibility *time.Duration, wait time.Duration) ([]received, error) {
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
			deadline = now.Add(wait)
		}
		hidden := q.visibility
		if visibility != nil {
			hidden = *visibility
		}
		out, err := b.takeVisible(q, now, limit, now.Add(hidden))
		if err != nil || len(out) > 0 || !now.Before(deadline) || ctx.Err() != nil {
			full := len(q.inFlight) >= maxInFlight
			b.mu.Unlock()
			if err == nil && len(out) == 0 && full && wait == 0 {
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

// waitFor returns when the bell rings, when ctx ends, or when d has passed on the broker's clock.
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

// takeVisible receives messages that are visible now. The caller holds mu.
func (b *broker) takeVisible(q *queue, now time.Time, limit int, until time.Time) ([]received, error) {
	if err := b.expire(q, now); err != nil {
		return nil, err
	}
	q.promote(now)
	limit = min(limit, maxInFlight-len(q.inFlight))
	dead := b.deadLetterQueue(q)
	var ids, dying []string
	for e := q.visible.Front(); e != nil && len(ids) < limit; e = e.Next() {
		m := e.Value.(*message)
		if dead != nil && m.Receives-m.Before >= q.redrive.MaxReceives {
			dying = append(dying, m.ID)
			continue
		}
		ids = append(ids, m.ID)
	}
	if len(dying) > 0 {
		if _, err := b.commit(record{Op: opMoved, At: now, Name: q.Name, To: dead.Name, IDs: dying}); err != nil {
			return nil, err
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	// Not synced: if a power cut loses this receive, a count is too low.
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

// deadLetterQueue returns the queue's dead-letter queue, or nil.
func (b *broker) deadLetterQueue(q *queue) *queue {
	if q.redrive == nil {
		return nil
	}
	return b.queues[b.names.queueName(q.redrive.Target)]
}

// handleOf returns the receipt handle of the message's latest receive. An older handle contains a lower count.
func handleOf(queue string, m *message) string {
	return base64.RawURLEncoding.EncodeToString([]byte(queue + " " + m.ID + " " + strconv.Itoa(m.Receives)))
}

// parseHandle returns the message id and the receive count in a receipt handle of this queue.
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

// deleteMessages deletes messages by receipt handle and returns one error per handle. A handle that is not the latest one
// deletes nothing and is not an error.
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
	// Not synced: if a power cut loses this delete, the message is delivered again, which consumers must tolerate anyway.
	_, err := b.commit(record{Op: opDeleted, Name: name, IDs: ids})
	return problems, err
}

// changeVisibility sets how long a message in flight stays hidden, counted from now; 0 makes it visible at once.
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
		return failf("InvalidParameterValue", "Value %s for parameter ReceiptHandle is invalid. "+
			"Reason: Message does not exist or is not available for visibility timeout change.", handle)
	case m.position < 0:
		return failf("MessageNotInflight", "the message %s is not in flight", id)
	}
	// Not journaled: after a restart every message is visible anyway.
	q.hide(m, now.Add(timeout))
	q.promote(now)
	q.ring()
	return nil
}

package messaging

import (
	"context"
	"errors"
	"sync"
	"time"
)

// heldMessages are the messages that are not settled yet. Their visibility is renewed when half of it has passed.
type heldMessages struct {
	s     *subscription
	calls sync.Mutex // held during renewals and while messages are returned to the queue, so that their calls do not overlap

	mu       sync.Mutex
	messages map[*received]holding
}

type holding struct {
	renewed time.Time // when its visibility was last set
	until   time.Time // it is not renewed after this time
}

func (h *heldMessages) init(s *subscription) {
	h.s, h.messages = s, make(map[*received]holding, s.Concurrency)
}

func (h *heldMessages) add(r *received) {
	now := h.s.Clock.Now()
	h.mu.Lock()
	h.messages[r] = holding{renewed: now, until: now.Add(h.s.MaxWork)}
	h.mu.Unlock()
}

func (h *heldMessages) remove(r *received) {
	h.mu.Lock()
	delete(h.messages, r)
	h.mu.Unlock()
}

// beat renews visibilities until ctx ends. It runs ten times per visibility, so that a message is renewed after 50 to 60 % of it.
func (h *heldMessages) beat(ctx context.Context) {
	for h.s.Clock.Sleep(ctx, h.s.Visibility/10) == nil {
		h.renew()
	}
}

func (h *heldMessages) renew() {
	h.calls.Lock()
	defer h.calls.Unlock()
	due, now := h.due()
	for len(due) > 0 {
		batch := due[:min(len(due), MaxBatch)]
		due = due[len(batch):]
		changes := make([]VisibilityChange, len(batch))
		for i, r := range batch {
			changes[i] = VisibilityChange{r.ReceiptHandle, seconds(h.s.Visibility)}
		}
		// A renewal that ends after the visibility has no effect.
		ctx, cancel := context.WithTimeout(context.Background(), min(h.s.CallTimeout, h.s.Visibility/3))
		errs := changeVisibility(ctx, h.s.Client, h.s.queueURL, changes)
		cancel()
		for i, r := range batch {
			h.renewed(r, now, errs[i])
		}
	}
}

// due returns the messages whose visibility must be renewed, and the present time.
func (h *heldMessages) due() ([]*received, time.Time) {
	now := h.s.Clock.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	var due []*received
	for r, m := range h.messages {
		if now.Sub(m.renewed) >= h.s.Visibility/2 && now.Before(m.until) {
			due = append(due, r)
		}
	}
	return due, now
}

// renewed records the outcome of a renewal.
func (h *heldMessages) renewed(r *received, at time.Time, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m, held := h.messages[r]
	if !held { // settled meanwhile
		return
	}
	if err == nil {
		m.renewed = at
		h.messages[r] = m
		return
	}
	var refused *refusedError
	if errors.As(err, &refused) && refused.senderFault {
		// The handle has become invalid: the message was deleted, or another consumer has it. Receipts make that harmless.
		delete(h.messages, r)
	}
	h.s.Log.Warn("message visibility not renewed; another consumer may receive the message too", "message_id", r.MessageID, "error", err)
}

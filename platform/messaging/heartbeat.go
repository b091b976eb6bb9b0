package messaging

import (
	"context"
	"errors"
	"sync"
	"time"
)

// heldMessages are the messages received and not yet answered. Their visibility is renewed when half of it is over.
type heldMessages struct {
	s     *subscription
	calls sync.Mutex // held during a renewal and while messages are put back, so that neither overtakes the other

	mu       sync.Mutex
	messages map[*received]holding
}

type holding struct {
	renewed time.Time // when its visibility was last set
	until   time.Time // renewed no more after this
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

// beat renews until ctx ends. It looks ten times a visibility, so that a renewal comes between 50 % and 60 % of it.
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
		changes := make([]Rest, len(batch))
		for i, r := range batch {
			changes[i] = Rest{r.ReceiptHandle, seconds(h.s.Visibility)}
		}
		// The renewal must be through before the visibility is over, or it is of no use.
		ctx, cancel := context.WithTimeout(context.Background(), min(h.s.CallTimeout, h.s.Visibility/3))
		errs := changeVisibility(ctx, h.s.Client, h.s.queueURL, changes)
		cancel()
		for i, r := range batch {
			h.renewed(r, now, errs[i])
		}
	}
}

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

func (h *heldMessages) renewed(r *received, at time.Time, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m, held := h.messages[r]
	if !held { // answered meanwhile
		return
	}
	if err == nil {
		m.renewed = at
		h.messages[r] = m
		return
	}
	var refused *refusedError
	if errors.As(err, &refused) && refused.ours {
		// The handle is no longer good: the message is gone, or somebody else's. Receipts make that harmless.
		delete(h.messages, r)
	}
	h.s.Log.Warn("a message's visibility was not renewed; another consumer may receive it too", "message_id", r.MessageID, "error", err)
}

package runtime

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/messaging"
)

// maxWait is how long a message may be put back in all, because a portal asks for no request. After that the service gives up:
// a later run asks the portal again.
const maxWait = 48 * time.Hour

// postpone records that a message is put back until the time that the error states. That is not a try of the message. The worker
// gives up when the portal asks for more than maxWait in all or more than messaging.MaxWaits times, and when SQS would move the
// message at its next receive. asked is false when the message only came before its time.
func (w *worker) postpone(ctx context.Context, d *messaging.Delivery, in events.Event, reason error, asked bool) (fate, error) {
	until, _ := NotBefore(reason)
	run, ok := runOf(in)
	if !ok {
		return later, reason
	}
	now := w.ports.Clock.Now()
	record, err := w.wait(ctx, run, in)
	if err != nil {
		return again, err
	}
	if record == nil {
		record = &lake.Wait{Service: w.service.Name, EventID: in.ID, EventType: in.Type, Since: now}
	}
	switch {
	case until.Sub(record.Since) > maxWait:
		return w.giveUp(ctx, d, in, fmt.Errorf("not waiting until %s, more than %s after the message was put back first: %w",
			until.UTC().Format("2006-01-02 15:04 MST"), maxWait, reason))
	case asked && record.Asked >= messaging.MaxWaits,
		w.maxReceives > 0 && d.Receives >= messaging.RedriveAfter(w.maxReceives)-1:
		return w.giveUp(ctx, d, in, fmt.Errorf("put back %d times because the portal asked to wait: %w", record.Times, reason))
	}
	record.Times++
	if asked {
		record.Until, record.At, record.Reason = until, now, messaging.Reason(reason)
		record.Asked++
	}
	if _, err := w.ports.Lake.Put(ctx, lake.WaitKey(run.Dataset, run.RunID, w.service.Name), lake.Encode(record)); err != nil {
		// Without the record the receive counts as a try. The portal's time is obeyed all the same.
		w.ports.Log.ErrorContext(ctx, "the wait is not recorded", "error", err)
	}
	return later, reason
}

// recall sets how many receives of a redelivered message only put it back. If the message comes before its time, because SQS
// puts back for twelve hours at most or because the local cloud was restarted, recall returns an error that states the time.
func (w *worker) recall(ctx context.Context, d *messaging.Delivery, in events.Event) error {
	run, ok := runOf(in)
	if !ok || d.Receives == 1 {
		return nil
	}
	record, err := w.wait(ctx, run, in)
	if err != nil || record == nil {
		return err
	}
	d.Waits = record.Times
	if w.ports.Clock.Now().Before(record.Until) {
		return Postpone(record.Until, errors.New(record.Reason))
	}
	return nil
}

// wait returns the record of the event's last wait; nil if it never waited.
func (w *worker) wait(ctx context.Context, run events.Run, in events.Event) (*lake.Wait, error) {
	record, _, err := lake.ReadState[lake.Wait](ctx, w.ports.Lake, lake.WaitKey(run.Dataset, run.RunID, w.service.Name))
	if err != nil || record == nil || record.EventID != in.ID {
		return nil, err
	}
	return record, nil
}

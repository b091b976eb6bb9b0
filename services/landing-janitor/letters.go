package janitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/messaging"
)

// letterAge is how old a dead letter is when it is kept. SQS forgets it at fourteen days, so that many sweeps may fail;
// most letters are replayed before.
const letterAge = 3 * 24 * time.Hour

// ours begins every event type of ours.
const ours = "cat.llac."

// keepLetters copies old dead letters into the lake. Invariant 5: a service whose letters cannot be read does not stop
// the others.
func (j janitor) keepLetters(ctx context.Context, now time.Time) error {
	failures := make([]error, len(events.Flow))
	var all sync.WaitGroup
	for i, f := range events.Flow {
		if len(f.Consumes) == 0 {
			continue
		}
		all.Go(func() {
			failures[i] = j.ports.DeadLetters.Look(ctx, f.Service, func(l messaging.Letter) error {
				if l.SentAt.IsZero() || now.Sub(l.SentAt) <= letterAge {
					return nil
				}
				return j.keepLetter(ctx, l)
			})
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

// keepLetter writes one letter, create-only. An event that was replayed and died again is kept once; another body under
// its id is kept beside it.
func (j janitor) keepLetter(ctx context.Context, l messaging.Letter) error {
	kept := lake.DeadLetter{
		Service: l.Service, MessageID: l.MessageID, Reason: l.Reason, Receives: l.Receives, FirstReceivedAt: l.FirstReceivedAt,
		FailedAt: l.FailedAt, SentAt: l.SentAt, TraceID: l.TraceID, Size: len(l.Body), SHA256: lake.SHA256([]byte(l.Body)),
	}
	id := l.MessageID
	// Invariant 8: events carry no rows. What a message that is none of ours carries is not known, and is not copied.
	if e, err := events.Parse([]byte(l.Body)); err == nil && strings.HasPrefix(e.Type, ours) {
		kept.EventID, kept.EventType, kept.Body = e.ID, e.Type, l.Body
		id = e.ID
	}
	key := lake.DeadLetterKey(l.Service, id)
	_, _, err := j.ports.Lake.PutIfAbsent(ctx, key, lake.Encode(kept))
	if !errors.Is(err, lake.ErrExists) {
		return err
	}
	b, _, err := j.ports.Lake.Get(ctx, key)
	if err != nil {
		return err
	}
	var there lake.DeadLetter
	if json.Unmarshal(b, &there) == nil && there.SHA256 == kept.SHA256 {
		return nil
	}
	_, _, err = j.ports.Lake.PutIfAbsent(ctx, lake.DeadLetterKey(l.Service, id+"."+l.MessageID), lake.Encode(kept))
	if err != nil {
		return fmt.Errorf("keep dead letter %s of %s: %w", l.MessageID, l.Service, err)
	}
	return nil
}

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

// letterAge is the age after which a dead letter is copied to the lake. SQS drops it after fourteen days, so the copy is made
// even if several sweeps fail. Most letters are replayed before they reach this age.
const letterAge = 3 * 24 * time.Hour

// typePrefix is the prefix of all event types of Llac.
const typePrefix = "cat.llac."

// keepLetters copies old dead letters to the lake. Invariant 5: if the letters of one service cannot be read, those of the
// other services are still copied.
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

// keepLetter writes one letter, create-only. An event that was replayed and failed again is kept once. A letter with the same
// event ID and another body is kept under a second key.
func (j janitor) keepLetter(ctx context.Context, l messaging.Letter) error {
	kept := lake.DeadLetter{
		Service: l.Service, MessageID: l.MessageID, Reason: l.Reason, Receives: l.Receives, FirstReceivedAt: l.FirstReceivedAt,
		FailedAt: l.FailedAt, SentAt: l.SentAt, TraceID: l.TraceID, Size: len(l.Body), SHA256: lake.SHA256([]byte(l.Body)),
	}
	id := l.MessageID
	// Invariant 8: events contain no rows. The body of a message that is not an event of Llac is unknown and is not copied.
	if e, err := events.Parse([]byte(l.Body)); err == nil && strings.HasPrefix(e.Type, typePrefix) {
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
		return fmt.Errorf("copy dead letter %s of %s to the lake: %w", l.MessageID, l.Service, err)
	}
	return nil
}

package fetcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// maxSwaps is the maximum number of attempts to update a cursor that others update too.
const maxSwaps = 10

// unchanged ends a run whose source has not changed since the published snapshot, and records the check in the cursor. read
// reports whether every page was fetched and compared.
func (x *extraction) unchanged(ctx context.Context, known published, v events.Validators, read bool) ([]events.Event, error) {
	if known.pointer == nil {
		return nil, fmt.Errorf("describe the source of %s: the portal reported 'unchanged', but the request had no validators; "+
			"this is a defect of the portal", x.run.Dataset)
	}
	now := x.ports.Clock.Now()
	if err := x.moveCursor(ctx, v, known.pointer, now, read); err != nil {
		return nil, err
	}
	return []events.Event{events.New(events.ExtractionUnchanged{
		Run: x.run, Snapshot: known.pointer.Snapshot, Validators: v, CheckedAt: now, ReadInFull: read,
	})}, nil
}

// moveCursor stores when the dataset's source last equalled the published snapshot; of a sliced dataset, the oldest of these
// times of its slices. One healthy slice must not hide a failing slice.
func (x *extraction) moveCursor(ctx context.Context, v events.Validators, pointer *lake.Pointer, now time.Time, read bool) error {
	for range maxSwaps {
		cursor, etag, err := lake.ReadCursorToSwap(ctx, x.ports.Lake, x.run.Dataset)
		if err != nil {
			return err
		}
		cursor.Dataset, cursor.RunID, cursor.LastSuccess, cursor.Validators = x.run.Dataset, x.run.RunID, now, v
		if read {
			if cursor.ReadAt == nil {
				cursor.ReadAt = map[string]time.Time{}
			}
			cursor.ReadAt[x.run.Slice] = now
		}
		if x.contract.Slicing != nil {
			if cursor.Slices == nil {
				cursor.Slices = map[string]time.Time{}
			}
			cursor.Slices[x.run.Slice] = now
			for _, slice := range x.contract.Slicing.Values {
				seen := pointer.PublishedAt
				if at := cursor.Slices[slice]; at.After(seen) {
					seen = at
				}
				if seen.Before(cursor.LastSuccess) {
					cursor.LastSuccess = seen
				}
			}
		}
		_, err = x.ports.Lake.CompareAndSwap(ctx, lake.CursorKey(x.run.Dataset), lake.Encode(cursor), etag)
		if !errors.Is(err, lake.ErrChanged) {
			return err
		}
	}
	return fmt.Errorf("move the cursor of %s: gave up after %d conflicts; a retry can succeed", x.run.Dataset, maxSwaps)
}

package fetcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// swaps is the maximum number of attempts to move a cursor that others move too.
const swaps = 10

// unchanged ends a run whose source equals the published snapshot, and records that the source was read.
func (x *extraction) unchanged(ctx context.Context, v events.Validators, pointer *lake.Pointer) ([]events.Event, error) {
	if pointer == nil {
		return nil, fmt.Errorf("read %s: the portal reports no change, although no validators were sent", x.run.Dataset)
	}
	now := x.ports.Clock.Now()
	if err := x.look(ctx, v, pointer, now); err != nil {
		return nil, err
	}
	return []events.Event{events.New(events.ExtractionUnchanged{Run: x.run, Snapshot: pointer.Snapshot, Validators: v, CheckedAt: now})}, nil
}

// look moves the cursor. A dataset is as fresh as the slice that was read longest ago: otherwise one readable slice would hide
// that another cannot be read.
func (x *extraction) look(ctx context.Context, v events.Validators, pointer *lake.Pointer, now time.Time) error {
	for range swaps {
		cursor, etag, err := lake.ReadCursorToSwap(ctx, x.ports.Lake, x.run.Dataset)
		if err != nil {
			return err
		}
		cursor.Dataset, cursor.RunID, cursor.LastSuccess, cursor.Validators = x.run.Dataset, x.run.RunID, now, v
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
	return fmt.Errorf("move the cursor of %s: it changed %d times meanwhile; try again", x.run.Dataset, swaps)
}

package fetcher

import (
	"context"
	"errors"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/source"
)

// compare fetches the source's pages and compares them with those of the published snapshot, which have the same validators. If
// all of them are equal, the source is unchanged, and no page is landed. At the first difference the source is extracted.
func (x *extraction) compare(ctx context.Context, m lake.Manifest, known published) ([]events.Event, error) {
	digests, err := lake.PublishedPages(ctx, x.ports.Lake, x.run.Dataset, *known.part)
	if err != nil {
		return nil, err
	}
	for len(m.Description.Pages) < len(digests) && m.Comparing == nil {
		// Perhaps the portal refused the size of the published pages when they were fetched.
		smaller, err := x.smaller(ctx, m, nil)
		if errors.Is(err, errSmallest) || len(smaller.Description.Pages) > len(digests) {
			break
		}
		if err != nil {
			return nil, err
		}
		m = smaller
	}
	x.target.PageSize = m.Source.PageSize
	if len(digests) != len(m.Description.Pages) {
		x.ports.Log.InfoContext(ctx, "the published pages are not known or are divided in another way; extracting the source",
			"known", len(digests), "pages", len(m.Description.Pages))
		return x.extractWhole(ctx, m)
	}
	if m.Comparing == nil {
		m.Comparing = &lake.Comparing{Snapshot: known.pointer.Snapshot}
	}
	pages, first := source.NewPageSet(), m.Comparing.Pages
	incoming := x.fetchAhead(ctx, m.Description, first)
	defer incoming.stop()
	for index := first; index < len(digests); index++ {
		if index > first && x.mustHandOver() {
			return x.handOver(ctx, m, time.Time{})
		}
		page, sha, err := x.page(ctx, m.Description, index, incoming, pages)
		if until, waits := runtime.NotBefore(err); waits && index > first {
			return x.handOver(ctx, m, until)
		}
		if errors.Is(err, source.ErrChanged) || isRepeated(err) || isTooLarge(err) {
			return x.extractWhole(ctx, m) // it finds the same, and restarts
		}
		if err != nil {
			return nil, err
		}
		x.measure(ctx, m.Description, page)
		if sha != digests[index] {
			x.ports.Log.WarnContext(ctx, "the source's validators did not change, but its pages did; extracting the source",
				"page", index, "snapshot", known.pointer.Snapshot)
			return x.extractWhole(ctx, m)
		}
		m.Comparing.Pages++
	}
	err = x.client.Verify(ctx, x.target, m.Description)
	until, waits := runtime.NotBefore(err)
	switch {
	case waits && len(digests) > first:
		return x.handOver(ctx, m, until)
	case errors.Is(err, source.ErrChanged):
		return x.extractWhole(ctx, m)
	case err != nil:
		return nil, err
	}
	return x.unchanged(ctx, known, m.Description.Validators, true)
}

// extractWhole extracts the source from its first page, after a comparison that landed nothing.
func (x *extraction) extractWhole(ctx context.Context, m lake.Manifest) ([]events.Event, error) {
	m.Comparing = nil
	return x.extractStable(ctx, m)
}

// continueComparison continues the comparison of an earlier delivery, if the same snapshot is still published.
func (x *extraction) continueComparison(ctx context.Context, m lake.Manifest) ([]events.Event, error) {
	known, err := x.published(ctx)
	if err != nil {
		return nil, err
	}
	if known.part == nil || known.pointer.Snapshot != m.Comparing.Snapshot {
		return x.extractWhole(ctx, m)
	}
	return x.compare(ctx, m, known)
}

// recheckIsDue reports whether the source must be read in full, because its pages were last read as many days ago as the
// contract allows. Days are those of the calendar in UTC, so that a daily run is not late by a minute.
func (x *extraction) recheckIsDue(ctx context.Context, known published) (bool, error) {
	if known.part == nil {
		return false, nil
	}
	cursor, err := lake.ReadCursor(ctx, x.ports.Lake, x.run.Dataset)
	if err != nil {
		return false, err
	}
	read, err := lake.ParseSlot(lake.ParseRunID(known.part.RunID).Slot)
	if err != nil {
		return true, nil // the run that made the part has no time
	}
	if cursor != nil && cursor.ReadAt[x.run.Slice].After(read) {
		read = cursor.ReadAt[x.run.Slice]
	}
	day := 24 * time.Hour
	days := x.ports.Clock.Now().UTC().Truncate(day).Sub(read.UTC().Truncate(day)) / day
	return int(days) >= x.contract.Source.RecheckDays, nil
}

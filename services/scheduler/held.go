package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/llac-project/llac/platform/lake"
)

// held are the runs of a dataset that wait for the datasets its own refers to: the latest scheduled slot, and each run
// that a person asked for. A request stays listed when it is released, because the record of its slot makes it unique.
type held struct {
	Requests   []request `json:"requests"`
	WaitingFor []string  `json:"waiting_for"`
	Since      time.Time `json:"since"`
}

const (
	scheduled = "schedule" // the trigger of a run that the cadence asks for
	swaps     = 10         // bounds how often a document that changes under us is read again
)

// hold adds a request to those that wait.
func (s scheduler) hold(ctx context.Context, dataset string, r request, missing []string) error {
	for range swaps {
		h, etag, err := s.waiting(ctx, dataset)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(h.Requests, r.is) && slices.Equal(h.WaitingFor, missing) {
			return nil
		}
		h.Requests = slices.DeleteFunc(h.Requests, func(there request) bool {
			return r.is(there) || r.Trigger == scheduled && there.Trigger == scheduled
		})
		h.Requests, h.WaitingFor, h.Since = append(h.Requests, r), missing, s.ports.Clock.Now()
		_, err = s.ports.Lake.CompareAndSwap(ctx, lake.StateKey(dataset, "held"), lake.Encode(h), etag)
		if !errors.Is(err, lake.ErrChanged) {
			return err
		}
	}
	return fmt.Errorf("the runs of %s that wait are being changed by many at once; try again", dataset)
}

// waiting reads the runs that wait, with the ETag to swap the document by.
func (s scheduler) waiting(ctx context.Context, dataset string) (held, string, error) {
	h, info, err := lake.ReadState[held](ctx, s.ports.Lake, lake.StateKey(dataset, "held"))
	if h == nil {
		return held{}, "", err
	}
	return *h, info.ETag, nil
}

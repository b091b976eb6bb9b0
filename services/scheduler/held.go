package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/llac-project/llac/platform/lake"
)

// held lists the requests of a dataset that wait for the datasets it refers to: the latest scheduled slot, and each run that a
// person requested. A request stays listed after its release, because the record of its slot makes it unique.
type held struct {
	Requests   []request `json:"requests"`
	WaitingFor []string  `json:"waiting_for"`
	Since      time.Time `json:"since"`
}

const (
	scheduled = "schedule" // the trigger of a run that is due by the schedule
	swaps     = 10         // maximum number of attempts to change a document that others change too
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
	return fmt.Errorf("hold a run of %s: the list of waiting runs changed %d times meanwhile; try again", dataset, swaps)
}

// waiting reads the requests that wait, with the ETag for the swap.
func (s scheduler) waiting(ctx context.Context, dataset string) (held, string, error) {
	h, info, err := lake.ReadState[held](ctx, s.ports.Lake, lake.StateKey(dataset, "held"))
	if h == nil {
		return held{}, "", err
	}
	return *h, info.ETag, nil
}

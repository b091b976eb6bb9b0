package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/llac-project/llac/platform/lake"
)

// held lists the runs of a dataset that wait until the datasets it refers to are published: the latest scheduled slot,
// and each run that a person requested. A released request stays in the list; the record of its slot prevents a second run.
type held struct {
	Requests   []request `json:"requests"`
	WaitingFor []string  `json:"waiting_for"`
	Since      time.Time `json:"since"`
}

const (
	scheduled = "schedule" // trigger of a run that the cadence requests
	maxSwaps  = 10         // maximum number of attempts to update a document that others update too
)

// hold adds a request to the held runs of a dataset.
func (s scheduler) hold(ctx context.Context, dataset string, r request, missing []string) error {
	for range maxSwaps {
		h, etag, err := s.readHeld(ctx, dataset)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(h.Requests, r.equals) && slices.Equal(h.WaitingFor, missing) {
			return nil
		}
		h.Requests = slices.DeleteFunc(h.Requests, func(other request) bool {
			return r.equals(other) || r.Trigger == scheduled && other.Trigger == scheduled
		})
		h.Requests, h.WaitingFor, h.Since = append(h.Requests, r), missing, s.ports.Clock.Now()
		_, err = s.ports.Lake.CompareAndSwap(ctx, lake.StateKey(dataset, "held"), lake.Encode(h), etag)
		if !errors.Is(err, lake.ErrChanged) {
			return err
		}
	}
	return fmt.Errorf("hold a run of %s: gave up after %d conflicts on the list of held runs; a retry can succeed", dataset, maxSwaps)
}

// readHeld reads the held runs of a dataset, with the ETag for CompareAndSwap.
func (s scheduler) readHeld(ctx context.Context, dataset string) (held, string, error) {
	h, info, err := lake.ReadState[held](ctx, s.ports.Lake, lake.StateKey(dataset, "held"))
	if h == nil {
		return held{}, "", err
	}
	return *h, info.ETag, nil
}

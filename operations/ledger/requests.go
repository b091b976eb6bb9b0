package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/llac-project/llac/platform/lake"
)

// Request names one slot of one dataset.
type Request struct {
	Dataset string
	Slot    string
}

// Requests returns the requests that left receipts, latest first. dataset "" means all datasets.
func (l Ledger) Requests(ctx context.Context, dataset string) ([]Request, error) {
	prefix := "runs/"
	if dataset != "" {
		prefix += dataset + "/"
	}
	seen := map[Request]bool{}
	var out []Request
	err := l.Lake.List(ctx, prefix, func(i lake.Info) bool {
		parts := strings.Split(i.Key, "/")
		// runs/_ticks and runs/_sweeps belong to no dataset.
		if len(parts) != 4 || strings.HasPrefix(parts[1], "_") {
			return true
		}
		r := Request{parts[1], lake.ParseRunID(parts[2]).Slot}
		if !seen[r] {
			seen[r] = true
			out = append(out, r)
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("list the runs: %w", err)
	}
	slices.SortFunc(out, func(a, b Request) int {
		return cmp.Or(cmp.Compare(b.Slot, a.Slot), cmp.Compare(a.Dataset, b.Dataset))
	})
	return out, nil
}

// Recent returns summaries of the latest requests, at most limit; 0 means no limit.
func (l Ledger) Recent(ctx context.Context, dataset string, limit int) ([]Summary, error) {
	requests, err := l.Requests(ctx, dataset)
	if err != nil {
		return nil, err
	}
	if limit > 0 && len(requests) > limit {
		requests = requests[:limit]
	}
	out := []Summary{}
	for _, r := range requests {
		s, err := l.Summary(ctx, r.Dataset, r.Slot)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// Find resolves the name of a run: "latest", "latest" of a dataset, a run id, a slot, or dataset/run. It returns the
// requests that match and, if a run id names one slice, that run id.
func (l Ledger) Find(ctx context.Context, name, dataset string) (found []Request, slice string, err error) {
	if before, after, ok := strings.Cut(name, "/"); ok {
		dataset, name = before, after
	}
	requests, err := l.Requests(ctx, dataset)
	if err != nil {
		return nil, "", err
	}
	if name == "latest" {
		if len(requests) == 0 {
			return nil, "", fmt.Errorf("latest run of %s: %w", cmp.Or(dataset, "any dataset"), ErrNoRun)
		}
		return requests[:1], "", nil
	}
	slot := lake.ParseRunID(name).Slot
	for _, r := range requests {
		if r.Slot == slot {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		return nil, "", fmt.Errorf("run %s: %w", name, ErrNoRun)
	}
	if slot != name {
		slice = name
	}
	return found, slice, nil
}

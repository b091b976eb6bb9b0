package marts

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/llac-project/llac/platform/lake"
)

// Accumulation is what a build adds to a model that keeps what it made of earlier snapshots. The model declares it with
// `accumulates: <dataset>` in its meta: what a superseded snapshot showed is known from that snapshot only.
type Accumulation struct {
	Model, Dataset string
	New            []*lake.Pointer // snapshots that the model has not taken in yet, ascending
	Last           *lake.Pointer   // the last snapshot that it has, if its objects still exist
}

// accumulate finds what each accumulating model has to take in.
func (p *Plan) accumulate(ctx context.Context, store lake.Store, declarations []Declaration, fullRefresh bool) error {
	for _, d := range declarations {
		if d.Accumulates == "" {
			continue
		}
		a := &Accumulation{Model: d.Name, Dataset: d.Accumulates}
		p.Accumulations = append(p.Accumulations, a)
		if p.Snapshots[a.Dataset] == nil {
			continue
		}
		if err := p.fillAccumulation(ctx, store, a, fullRefresh); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) fillAccumulation(ctx context.Context, store lake.Store, a *Accumulation, fullRefresh bool) error {
	current, last := p.Snapshots[a.Dataset], ""
	if m := p.mart(a.Model); m != nil && !fullRefresh {
		last = m.Snapshots[a.Dataset]
	}
	if last > current.Snapshot {
		p.notice("%s was rolled back from snapshot %s to %s: %s is rebuilt without the later snapshots.",
			a.Dataset, last, current.Snapshot, a.Model)
		p.Usable = slices.DeleteFunc(p.Usable, func(m lake.Mart) bool { return m.Name == a.Model })
		last = ""
	}
	if last == current.Snapshot {
		a.Last = current
		return nil
	}
	superseded, err := supersededSnapshots(ctx, store, a.Dataset)
	if err != nil {
		return err
	}
	var swept []string
	for _, slot := range superseded {
		if slot < last || slot >= current.Snapshot {
			continue
		}
		old, exists, err := p.readSuperseded(ctx, store, a.Dataset, slot)
		switch {
		case err != nil:
			return err
		case old == nil, !exists && slot == last:
		case !exists:
			swept = append(swept, slot)
		case slot == last:
			a.Last = old
		default:
			a.New = append(a.New, old)
		}
	}
	if len(swept) > 0 && last != "" {
		p.notice("Snapshots %s of %s are no longer kept, and %s never took them in: it has no rows of those days.",
			strings.Join(swept, ", "), a.Dataset, a.Model)
	}
	a.New = append(a.New, current)
	return nil
}

// supersededSnapshots lists the superseded snapshots of a dataset, ascending.
func supersededSnapshots(ctx context.Context, store lake.Store, dataset string) ([]string, error) {
	var slots []string
	prefix := lake.HistoryPrefix(dataset)
	if err := store.List(ctx, prefix, func(i lake.Info) bool {
		slots = append(slots, strings.TrimSuffix(strings.TrimPrefix(i.Key, prefix), ".json"))
		return true
	}); err != nil {
		return nil, fmt.Errorf("list the superseded snapshots of %s: %w", dataset, err)
	}
	slices.Sort(slots)
	return slots, nil
}

// readSuperseded reads the pointer of a superseded snapshot and reports whether its objects still exist. The pointer is nil
// if there is none, or if the snapshot must not be combined with the plan's.
func (p *Plan) readSuperseded(ctx context.Context, store lake.Store, dataset, slot string) (old *lake.Pointer, exists bool, err error) {
	old, err = lake.ReadHistory(ctx, store, dataset, slot)
	if err != nil || old == nil || !old.Origin().Alike(p.origin()) { // Invariant 11
		return nil, false, err
	}
	if !old.SweptAt.IsZero() {
		return old, false, nil
	}
	gone, err := firstMissing(ctx, store, objects(old))
	return old, gone == "", err
}

// variables returns the variables that give the model its progress.
func (a *Accumulation) variables(hasPublishedRows bool) map[string]any {
	ids := []string{}
	for _, s := range a.New {
		ids = append(ids, s.Snapshot)
	}
	out := map[string]any{"new": ids}
	if a.Last != nil && hasPublishedRows {
		out["last"] = a.Last.Snapshot
	}
	return out
}

package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// joining collects the slices of one slot until all of them are there.
type joining struct {
	Slot      string                      `json:"slot"`
	Accepted  map[string]lake.PointerPart `json:"accepted"` // by slice
	Systems   map[string]string           `json:"source_systems"`
	Unchanged map[string]bool             `json:"unchanged"`
}

// join adds an accepted slice; the last one to arrive publishes.
func (g gate) join(ctx context.Context, c *contract.Contract, run events.Run, sourceSystem string, part lake.PointerPart) ([]events.Event, error) {
	state, err := g.add(ctx, run, func(j *joining) {
		j.Accepted[run.Slice], j.Systems[run.Slice] = part, sourceSystem
	})
	if err != nil {
		return nil, err
	}
	if missing := state.missing(run); len(missing) > 0 {
		return []events.Event{events.New(events.StagingAccepted{Run: run, Candidate: part.Candidate, Verdict: part.Verdict, Missing: missing})}, nil
	}
	return g.complete(ctx, c, run, state)
}

// unchanged counts a slice whose source has not changed. It matters only where another slice of the slot has.
func (g gate) unchanged(ctx context.Context, p events.ExtractionUnchanged) ([]events.Event, error) {
	c, err := g.ports.Contracts.Load(ctx, p.ContractSHA256)
	if err != nil {
		return nil, err
	}
	state, err := g.add(ctx, p.Run, func(j *joining) { j.Unchanged[p.Slice] = true })
	if err != nil {
		return nil, err
	}
	if len(state.missing(p.Run)) > 0 || len(state.Accepted) == 0 {
		return nil, nil
	}
	return g.complete(ctx, c, p.Run, state)
}

func (j joining) missing(run events.Run) []string {
	var out []string
	for _, s := range run.Slices {
		if _, ok := j.Accepted[s]; !ok && !j.Unchanged[s] {
			out = append(out, s)
		}
	}
	return out
}

// complete publishes the accepted slices, and carries on from the published snapshot those that did not change or were
// not asked for.
func (g gate) complete(ctx context.Context, c *contract.Contract, run events.Run, state joining) ([]events.Event, error) {
	systems := slices.Compact(slices.Sorted(maps.Values(state.Systems)))
	assemble := func(old *lake.Pointer) (parts []lake.PointerPart, problems []events.Problem) {
		if len(systems) != 1 {
			// Invariant 11: a snapshot is simulated or real, never some of both.
			return nil, []events.Problem{{
				Code: "sources_mixed", Message: fmt.Sprintf("the slices of %s come from %s; run %s whole, from one of them", run.Slot, strings.Join(systems, " and "), run.Dataset),
			}}
		}
		var never []string
		for _, slice := range c.Slicing.Values {
			if part, ok := state.Accepted[slice]; ok {
				parts = append(parts, part)
				continue
			}
			// A slice from another kind of source or another contract does not belong in this snapshot.
			if old == nil || old.SourceSystem != systems[0] || old.ContractSHA256 != run.ContractSHA256 || old.Part(slice) == nil {
				never = append(never, slice)
				continue
			}
			carried := *old.Part(slice)
			carried.CarriedOn = true
			parts = append(parts, carried)
		}
		if len(never) > 0 {
			// A snapshot without one of its slices would look whole.
			problems = []events.Problem{{
				Code: "slices_missing", Message: fmt.Sprintf("slices %v have no published part to carry on; run %s whole", never, run.Dataset),
			}}
		}
		return parts, problems
	}
	return g.publish(ctx, c, run, strings.Join(systems, ","), state.Accepted[run.Slice].Candidate, assemble)
}

// add changes the joining document of a slot by compare-and-swap and returns it as it then is.
func (g gate) add(ctx context.Context, run events.Run, change func(*joining)) (joining, error) {
	if !slices.Contains(run.Slices, run.Slice) {
		return joining{}, runtime.Permanent(fmt.Errorf("run %s is of slice %q, which is not among the slices %v of its slot", run.RunID, run.Slice, run.Slices))
	}
	key := lake.StateKey(run.Dataset, "joining/"+run.Slot)
	for range swaps {
		j := joining{Slot: run.Slot}
		b, info, err := g.ports.Lake.Get(ctx, key)
		if err != nil && !errors.Is(err, lake.ErrNotFound) {
			return j, err
		}
		if err == nil {
			if err := json.Unmarshal(b, &j); err != nil {
				return j, runtime.Permanent(fmt.Errorf("decode %s: %w", key, err))
			}
		}
		if j.Accepted == nil {
			j.Accepted = map[string]lake.PointerPart{}
		}
		if j.Systems == nil {
			j.Systems = map[string]string{}
		}
		if j.Unchanged == nil {
			j.Unchanged = map[string]bool{}
		}
		change(&j)
		_, err = g.ports.Lake.CompareAndSwap(ctx, key, lake.Encode(j), info.ETag)
		if errors.Is(err, lake.ErrChanged) {
			continue
		}
		return j, err
	}
	return joining{}, fmt.Errorf("the slices of %s are being joined by many at once; try again", run.RunID)
}

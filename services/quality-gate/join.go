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

// joining collects the slices of one slot until they are complete.
type joining struct {
	Slot      string                      `json:"slot"`
	Accepted  map[string]lake.PointerPart `json:"accepted"` // by slice
	Origins   map[string]lake.Origin      `json:"source_systems"`
	Unchanged map[string]bool             `json:"unchanged"`
}

// join adds an accepted slice. The last slice of the slot publishes.
func (g gate) join(
	ctx context.Context, c *contract.Contract, run events.Run, origin lake.Origin, part lake.PointerPart,
) ([]events.Event, error) {
	state, err := g.add(ctx, run, func(j *joining) {
		j.Accepted[run.Slice], j.Origins[run.Slice] = part, origin
	})
	if err != nil {
		return nil, err
	}
	if missing := state.missing(run); len(missing) > 0 {
		return []events.Event{events.New(events.StagingAccepted{
			Run: run, Candidate: part.Candidate, Verdict: part.Verdict, Missing: missing,
		})}, nil
	}
	return g.complete(ctx, c, run, state)
}

// unchanged adds a slice whose source did not change. The slot is published only if another slice changed.
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

// missing returns the slices of the run's slot that are neither accepted nor unchanged.
func (j joining) missing(run events.Run) []string {
	var out []string
	for _, s := range run.Slices {
		if _, ok := j.Accepted[s]; !ok && !j.Unchanged[s] {
			out = append(out, s)
		}
	}
	return out
}

// complete publishes the accepted slices. Slices that did not change, or were not requested, are carried over from the
// published snapshot.
func (g gate) complete(ctx context.Context, c *contract.Contract, run events.Run, state joining) ([]events.Event, error) {
	origins := slices.Compact(slices.Sorted(maps.Values(state.Origins)))
	assemble := func(old *lake.Pointer) ([]lake.PointerPart, []events.Problem) {
		for _, o := range origins[1:] {
			// Invariant 11: all parts of a snapshot come from one source.
			if !o.MayJoin(origins[0]) {
				return nil, []events.Problem{{Code: "sources_mixed", Message: fmt.Sprintf(
					"the slices of slot %s come from %s; run all slices of %s from one source", run.Slot, names(origins), run.Dataset)}}
			}
		}
		return state.parts(c, run, origins[0], old)
	}
	return g.publish(ctx, c, run, lake.Origin(names(origins)), state.Accepted[run.Slice].Candidate, assemble)
}

// parts returns the part of every slice of the contract: the accepted one, or the published one.
func (j joining) parts(c *contract.Contract, run events.Run, origin lake.Origin, old *lake.Pointer) ([]lake.PointerPart, []events.Problem) {
	var parts []lake.PointerPart
	var missing []string
	for _, slice := range c.Slicing.Values {
		if part, ok := j.Accepted[slice]; ok {
			parts = append(parts, part)
			continue
		}
		// A slice from another source or another contract does not belong in this snapshot.
		if old == nil || !old.Origin().MayJoin(origin) || old.ContractSHA256 != run.ContractSHA256 || old.Part(slice) == nil {
			missing = append(missing, slice)
			continue
		}
		carried := *old.Part(slice)
		carried.CarriedOn = true
		parts = append(parts, carried)
	}
	if len(missing) > 0 {
		// A snapshot without one of its slices would look complete.
		return nil, []events.Problem{{Code: "slices_missing", Message: fmt.Sprintf(
			"slices %v were never published from this source and contract; run all slices of %s", missing, run.Dataset)}}
	}
	return parts, nil
}

func names(origins []lake.Origin) string {
	var out []string
	for _, o := range origins {
		out = append(out, string(o))
	}
	return strings.Join(out, " and ")
}

// add changes the joining document of a slot by compare-and-swap and returns the new document.
func (g gate) add(ctx context.Context, run events.Run, change func(*joining)) (joining, error) {
	if !slices.Contains(run.Slices, run.Slice) {
		return joining{}, runtime.Permanent(fmt.Errorf(
			"join run %s: its slice %q is not one of the slot's slices %v", run.RunID, run.Slice, run.Slices))
	}
	key := lake.StateKey(run.Dataset, "joining/"+run.Slot)
	for range swaps {
		j, etag, err := g.readJoining(ctx, key, run.Slot)
		if err != nil {
			return j, err
		}
		change(&j)
		_, err = g.ports.Lake.CompareAndSwap(ctx, key, lake.Encode(j), etag)
		if errors.Is(err, lake.ErrChanged) {
			continue
		}
		return j, err
	}
	return joining{}, fmt.Errorf("join run %s: gave up after %d conflicts with other slices on %s; a retry can succeed",
		run.RunID, swaps, key)
}

// readJoining returns the joining document of a slot, empty if no slice has arrived.
func (g gate) readJoining(ctx context.Context, key, slot string) (joining, string, error) {
	j := joining{
		Slot: slot, Accepted: map[string]lake.PointerPart{}, Origins: map[string]lake.Origin{}, Unchanged: map[string]bool{},
	}
	b, info, err := g.ports.Lake.Get(ctx, key)
	if errors.Is(err, lake.ErrNotFound) {
		return j, "", nil
	}
	if err != nil {
		return j, "", err
	}
	if err := json.Unmarshal(b, &j); err != nil {
		return j, "", runtime.Permanent(fmt.Errorf("decode %s: %w", key, err))
	}
	return j, info.ETag, nil
}

package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// swaps is the maximum number of tries to swap a document that other gates change at the same time.
const swaps = 10

// assembly returns the parts of the next snapshot, given the published pointer, or the problems that prevent it.
type assembly func(old *lake.Pointer) ([]lake.PointerPart, []events.Problem)

// publish moves the pointer to the assembled parts, each of which has a passing verdict. own is the run's candidate; it is
// empty for a run whose source did not change.
func (g gate) publish(
	ctx context.Context, c *contract.Contract, run events.Run, origin lake.Origin, own events.Object, assemble assembly,
) ([]events.Event, error) {
	for range swaps {
		old, etag, err := lake.ReadPointer(ctx, g.ports.Lake, run.Dataset)
		if err != nil {
			return nil, err
		}
		if out, done, err := g.decided(ctx, old, run, own); done || err != nil {
			return out, err
		}
		var parts []lake.PointerPart
		problems := refusal(run, origin, old)
		if len(problems) == 0 {
			// Unchanged parts are carried over from the pointer that this iteration read: an older copy may be superseded.
			parts, problems = assemble(old)
		}
		if len(problems) > 0 {
			return []events.Event{events.New(events.StagingRejected{Run: run, Candidate: own, Problems: problems})}, nil
		}
		next, err := g.next(ctx, c, run, origin, parts, old)
		if err != nil {
			return nil, err
		}
		g.ports.Failpoint("before-pointer")
		// Invariant 2: the snapshot becomes visible by this one swap.
		_, err = g.ports.Lake.CompareAndSwap(ctx, lake.PointerKey(run.Dataset), lake.Encode(next), etag)
		if errors.Is(err, lake.ErrChanged) {
			continue
		}
		if err != nil {
			return nil, err
		}
		g.ports.Failpoint("after-pointer")
		return []events.Event{published(run, next)}, nil
	}
	return nil, fmt.Errorf("publish run %s of %s: gave up after %d conflicts with other moves of the pointer; a retry can succeed",
		run.RunID, run.Dataset, swaps)
}

// refusal returns the problem that forbids moving the pointer, or none.
func refusal(run events.Run, origin lake.Origin, old *lake.Pointer) []events.Problem {
	switch {
	case old == nil:
	case old.Held != nil:
		return []events.Problem{{Code: "held", Message: fmt.Sprintf(
			"the pointer of %s has been held since %s by %s (%s); no run can publish while it is held",
			run.Dataset, old.Held.At.Format("2006-01-02 15:04 MST"), old.Held.By, old.Held.Reason)}}
	case !origin.MayReplace(old.Origin()):
		// Invariant 11: real data may have been published after the verdict.
		return []events.Problem{{Code: "simulated_is_not_real", Message: fmt.Sprintf(
			"the data come from %q, but real data from %s were published meanwhile", origin, old.Origin())}}
	}
	return nil
}

// next returns the pointer to the parts. It checks the verdict of every part and keeps a copy of the old pointer.
func (g gate) next(
	ctx context.Context, c *contract.Contract, run events.Run, origin lake.Origin, parts []lake.PointerPart, old *lake.Pointer,
) (*lake.Pointer, error) {
	next := &lake.Pointer{
		Dataset: run.Dataset, Snapshot: run.Slot, PublishedAt: g.ports.Clock.Now(), RunID: run.RunID,
		ContractSHA256: run.ContractSHA256, SourceSystem: string(origin), Parts: parts, Attribution: map[string]string{
			"licence": c.Licence, "licence_url": c.LicenceURL, "attribution": c.Attribution, "source": c.Source.BaseURL + " " + c.Source.ID,
		},
	}
	for _, p := range parts {
		if err := g.checkVerdict(ctx, p); err != nil {
			return nil, err
		}
		next.Rows += p.Rows
		next.Bytes += p.Bytes
		next.Attribution["updated"] = max(next.Attribution["updated"], p.Validators.UpdatedAt)
	}
	if old != nil {
		ref, err := g.keep(ctx, old)
		if err != nil {
			return nil, err
		}
		next.Previous, next.PreviousObject = old.Snapshot, &ref
	}
	return next, nil
}

// checkVerdict returns an error unless the verdict that a part names passes exactly the part's candidate.
//
// Invariant 3: nothing is published without a passing verdict for exactly these bytes.
func (g gate) checkVerdict(ctx context.Context, p lake.PointerPart) error {
	v, err := lake.ReadDocument[lake.Verdict](ctx, g.ports.Lake, p.Verdict)
	if err != nil {
		return fmt.Errorf("publish %s: %w", p.RunID, err)
	}
	if !v.Passes(p.Candidate) {
		return runtime.Permanent(fmt.Errorf(
			"publish %s: the verdict %s does not pass the candidate %s; nothing is published", p.RunID, p.Verdict.Key, p.Candidate.Key))
	}
	return nil
}

// keep copies the pointer that is about to be superseded to the history. The new pointer names this copy by its digest, so an
// existing copy of the same pointer must not change: the pointer of a faster gate may name it already.
func (g gate) keep(ctx context.Context, old *lake.Pointer) (events.Object, error) {
	superseded := *old
	superseded.SupersededAt = g.ports.Clock.Now()
	key, body := lake.HistoryKey(old.Dataset, old.Snapshot), lake.Encode(superseded)
	info, _, err := g.ports.Lake.PutIfAbsent(ctx, key, body)
	if errors.Is(err, lake.ErrExists) {
		var there []byte
		if there, info, err = g.ports.Lake.Get(ctx, key); err != nil {
			return events.Object{}, err
		}
		var kept lake.Pointer
		if json.Unmarshal(there, &kept) == nil {
			kept.SupersededAt = superseded.SupersededAt
			if bytes.Equal(lake.Encode(kept), body) {
				info.SHA256, info.Size = lake.SHA256(there), int64(len(there))
				return info.Object(), nil
			}
		}
		// A gate wrote the copy and crashed. Since then the pointer was held or released.
		info, err = g.ports.Lake.CompareAndSwap(ctx, key, body, info.ETag)
	}
	if err != nil {
		return events.Object{}, err
	}
	info.SHA256, info.Size = lake.SHA256(body), int64(len(body))
	return info.Object(), nil
}

// history returns the pointer of an earlier snapshot as it was when it was current; nil if that slot was never published.
func (g gate) history(ctx context.Context, dataset, snapshot string) (*lake.Pointer, error) {
	p, err := lake.ReadHistory(ctx, g.ports.Lake, dataset, snapshot)
	if p == nil {
		return nil, err
	}
	p.SupersededAt, p.SweptAt = time.Time{}, time.Time{}
	return p, nil
}

// published returns the event of a publication. It depends only on the pointer, so that it can be emitted again.
func published(run events.Run, p *lake.Pointer) events.Event {
	body := lake.Encode(p)
	e := events.StagingPublished{
		Run: run, Snapshot: p.Snapshot, Previous: p.Previous, Rows: p.Rows, Bytes: p.Bytes,
		Pointer: events.Object{Key: lake.PointerKey(p.Dataset), Size: int64(len(body)), SHA256: lake.SHA256(body)},
	}
	for _, part := range p.Parts {
		e.Parts = append(e.Parts, part.PublishedPart)
	}
	return events.New(e)
}

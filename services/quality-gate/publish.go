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

// swaps bounds how often a pointer that moves under us is read again.
const swaps = 10

// assembly makes the parts of the next snapshot, given the one that is published, or says why there can be none.
type assembly func(old *lake.Pointer) ([]lake.PointerPart, []events.Problem)

// publish moves the pointer to the parts, each of which has a passing verdict. own is the run's candidate; it is empty
// for a run whose source has not changed.
func (g gate) publish(ctx context.Context, c *contract.Contract, run events.Run, sourceSystem string, own events.Object, assemble assembly) ([]events.Event, error) {
	for range swaps {
		old, etag, err := lake.ReadPointer(ctx, g.ports.Lake, run.Dataset)
		if err != nil {
			return nil, err
		}
		if out, done, err := g.decided(ctx, old, run, own); done || err != nil {
			return out, err
		}
		if old != nil && old.Held != nil {
			return []events.Event{events.New(events.StagingRejected{Run: run, Candidate: own, Problems: []events.Problem{{
				Code: "held", Message: fmt.Sprintf("the pointer of %s is held since %s by %s (%s); llac resume %s lets it move again",
					run.Dataset, old.Held.At.Format("2006-01-02 15:04 MST"), old.Held.By, old.Held.Reason, run.Dataset),
			}}})}, nil
		}
		if old != nil && simulated(sourceSystem) && !simulated(old.SourceSystem) {
			// Invariant 11: the verdict was on what was published then; real data may have come since.
			return []events.Event{events.New(events.StagingRejected{Run: run, Candidate: own, Problems: []events.Problem{{
				Code: "simulated_is_not_real", Message: fmt.Sprintf("the data come from %q, and real data from %s were published meanwhile", sourceSystem, old.SourceSystem),
			}}})}, nil
		}
		// What is carried on comes from exactly the pointer that is swapped: one read earlier may have been superseded.
		parts, problems := assemble(old)
		if len(problems) > 0 {
			return []events.Event{events.New(events.StagingRejected{Run: run, Candidate: own, Problems: problems})}, nil
		}
		for _, p := range parts {
			// Invariant 3: nothing is published without a passing verdict for exactly these bytes.
			if err := g.vouched(ctx, p); err != nil {
				return nil, err
			}
		}
		next := lake.Pointer{
			Dataset: run.Dataset, Snapshot: run.Slot, PublishedAt: g.ports.Clock.Now(), RunID: run.RunID,
			ContractSHA256: run.ContractSHA256, SourceSystem: sourceSystem, Parts: parts, Attribution: map[string]string{
				"licence": c.Licence, "licence_url": c.LicenceURL, "attribution": c.Attribution, "source": c.Source.BaseURL + " " + c.Source.ID,
			},
		}
		for _, p := range parts {
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
		g.ports.Failpoint("before-pointer")
		// Invariant 2: visible by this one move, or not at all.
		_, err = g.ports.Lake.CompareAndSwap(ctx, lake.PointerKey(run.Dataset), lake.Encode(next), etag)
		if errors.Is(err, lake.ErrChanged) {
			continue
		}
		if err != nil {
			return nil, err
		}
		g.ports.Failpoint("after-pointer")
		return []events.Event{published(run, &next)}, nil
	}
	return nil, fmt.Errorf("the pointer of %s was moved %d times while this run tried to move it", run.Dataset, swaps)
}

// vouched reads the verdict that a part names and checks that it passed exactly the part's candidate.
func (g gate) vouched(ctx context.Context, p lake.PointerPart) error {
	v, err := lake.ReadDocument[lake.Verdict](ctx, g.ports.Lake, p.Verdict)
	if err != nil {
		return fmt.Errorf("publish %s: %w", p.RunID, err)
	}
	if !v.Passes(p.Candidate) {
		return runtime.Permanent(fmt.Errorf("publish %s: the verdict %s does not pass the candidate %s; nothing is published", p.RunID, p.Verdict.Key, p.Candidate.Key))
	}
	return nil
}

// keep copies the pointer that is about to be superseded into the history. The next pointer names the copy by its digest,
// so what is there of the very same pointer stays as it is: of two gates at once, the slower would otherwise change the
// copy that the faster one's pointer names.
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
		// It was held or released since a gate that died here.
		info, err = g.ports.Lake.CompareAndSwap(ctx, key, body, info.ETag)
	}
	if err != nil {
		return events.Object{}, err
	}
	info.SHA256, info.Size = lake.SHA256(body), int64(len(body))
	return info.Object(), nil
}

// history reads the pointer of an earlier snapshot; nil when that slot was never published.
func (g gate) history(ctx context.Context, dataset, snapshot string) (*lake.Pointer, error) {
	p, err := lake.ReadHistory(ctx, g.ports.Lake, dataset, snapshot)
	if p == nil {
		return nil, err
	}
	p.SupersededAt, p.SweptAt = time.Time{}, time.Time{} // as it was when it was current
	return p, nil
}

// published is the event that tells of a pointer. It is made from the pointer alone, so that it can be told again.
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

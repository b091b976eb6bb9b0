package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// judge returns the verdict on a candidate: the one that an earlier delivery wrote, or a new one.
func (g gate) judge(
	ctx context.Context, c *contract.Contract, ref events.Object, candidate lake.Candidate, pointer *lake.Pointer,
) (*lake.Verdict, events.Object, error) {
	key := lake.VerdictKey(candidate.Run.Dataset, candidate.Run.RunID, candidate.Attempt)
	v, o, err := g.readVerdict(ctx, key, ref)
	if !errors.Is(err, lake.ErrNotFound) {
		return v, o, err
	}
	if v, err = g.audit(ctx, c, ref, candidate, pointer); err != nil {
		return nil, o, err
	}
	return g.writeVerdict(ctx, key, v)
}

// readVerdict returns the verdict that was written on exactly this candidate; ErrNotFound if it does not exist.
func (g gate) readVerdict(ctx context.Context, key string, candidate events.Object) (*lake.Verdict, events.Object, error) {
	b, info, err := g.ports.Lake.Get(ctx, key)
	if err != nil {
		return nil, events.Object{}, err
	}
	v := new(lake.Verdict)
	if err := json.Unmarshal(b, v); err != nil {
		return nil, events.Object{}, runtime.Permanent(fmt.Errorf("decode the verdict %s: %w", key, err))
	}
	// Invariant 3: a verdict counts only for the bytes that it names.
	if !v.IsAbout(candidate) {
		return nil, events.Object{}, runtime.Permanent(fmt.Errorf(
			"read the verdict %s: it is about another candidate (%s); nothing is published", key, v.Candidate.Key))
	}
	info.SHA256, info.Size = lake.SHA256(b), int64(len(b))
	return v, info.Object(), nil
}

// writeVerdict stores a verdict. If two deliveries write one at the same time, both continue with the first.
func (g gate) writeVerdict(ctx context.Context, key string, v *lake.Verdict) (*lake.Verdict, events.Object, error) {
	body := lake.Encode(v)
	info, _, err := g.ports.Lake.PutIfAbsent(ctx, key, body)
	if errors.Is(err, lake.ErrExists) {
		return g.readVerdict(ctx, key, v.Candidate)
	}
	if err != nil {
		return nil, events.Object{}, err
	}
	info.SHA256 = lake.SHA256(body)
	return v, info.Object(), nil
}

package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// readVerdict returns the verdict that an earlier delivery wrote on this very candidate, or nil.
func (g gate) readVerdict(ctx context.Context, key string, candidate events.Object) (*lake.Verdict, events.Object, error) {
	b, info, err := g.ports.Lake.Get(ctx, key)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, events.Object{}, nil
	}
	if err != nil {
		return nil, events.Object{}, err
	}
	v := new(lake.Verdict)
	if err := json.Unmarshal(b, v); err != nil {
		return nil, events.Object{}, runtime.Permanent(fmt.Errorf("decode the verdict %s: %w", key, err))
	}
	// Invariant 3: a verdict counts for exactly the bytes it names.
	if !v.IsAbout(candidate) {
		return nil, events.Object{}, runtime.Permanent(fmt.Errorf("the verdict %s is about another candidate (%s); nothing is published on it", key, v.Candidate.Key))
	}
	info.SHA256, info.Size = lake.SHA256(b), int64(len(b))
	return v, info.Object(), nil
}

// writeVerdict stores a verdict; of two deliveries at once, both go by the one that was first.
func (g gate) writeVerdict(ctx context.Context, key string, v lake.Verdict) (lake.Verdict, events.Object, error) {
	body := lake.Encode(v)
	info, _, err := g.ports.Lake.PutIfAbsent(ctx, key, body)
	if errors.Is(err, lake.ErrExists) {
		first, o, err := g.readVerdict(ctx, key, v.Candidate)
		return deref(first), o, err
	}
	if err != nil {
		return lake.Verdict{}, events.Object{}, err
	}
	info.SHA256 = lake.SHA256(body)
	return v, info.Object(), nil
}

func deref(v *lake.Verdict) lake.Verdict {
	if v == nil {
		return lake.Verdict{}
	}
	return *v
}

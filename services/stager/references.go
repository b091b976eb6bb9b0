package stager

import (
	"context"
	"fmt"
	"strings"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/services/stager/matching"
	"github.com/llac-project/llac/services/stager/reference"
)

// references are what columns are matched with. One is read once a snapshot, however many runs need it. Who has the
// stager's turn alone may use them.
type references struct {
	lake     lake.Store
	prepared map[string]prepared // by dataset and column that is matched
}

// prepared is a reference made ready.
type prepared struct {
	of     string // the contract and the very objects that it was made of
	finder matching.Finder
}

// matched is what a run is matched with.
type matched struct {
	finders   map[string]matching.Finder // by column
	snapshots map[string]string          // by dataset; nil: nothing is matched
}

func newReferences(l lake.Store) *references {
	return &references{lake: l, prepared: map[string]prepared{}}
}

// prepare reads what the columns of a contract are matched with: of each dataset, the snapshot that is published now.
func (r *references) prepare(ctx context.Context, c *contract.Contract, sourceSystem string) (matched, error) {
	var m matched
	pointers := map[string]*lake.Pointer{}
	for _, f := range reference.Matched(c) {
		dataset := f.Reference.Dataset
		p := pointers[dataset]
		if p == nil {
			var err error
			if p, _, err = lake.ReadPointer(ctx, r.lake, dataset); err != nil {
				return m, err
			}
			if p == nil {
				// The scheduler holds a run back until what it refers to is published. Who came past it is not helped by a retry.
				return m, runtime.Permanent(fmt.Errorf("stage %s: its column %s is matched with %s, which was never published; run %s, then replay this", c.Dataset, f.Name, dataset, dataset))
			}
			// Invariant 11: simulated is never mistaken for real, and an id that a simulator gives would be.
			if !lake.Origin(sourceSystem).MayReferTo(p.Origin()) {
				return m, runtime.Permanent(fmt.Errorf("stage %s: its rows come from %s and would be matched with %s, which comes from %s; use one lake for real data and another for simulated",
					c.Dataset, sourceSystem, dataset, p.SourceSystem))
			}
			pointers[dataset] = p
		}
		finder, err := r.finder(ctx, c, f, p)
		if err != nil {
			return m, err
		}
		if m.finders == nil {
			m.finders, m.snapshots = map[string]matching.Finder{}, map[string]string{}
		}
		m.finders[f.Name], m.snapshots[dataset] = finder, p.Snapshot
	}
	return m, nil
}

// finder makes ready, or remembers, what a column is matched with.
func (r *references) finder(ctx context.Context, c *contract.Contract, f contract.Field, p *lake.Pointer) (matching.Finder, error) {
	of := []string{c.SHA256, p.Snapshot}
	for _, part := range p.Parts {
		for _, o := range part.Objects {
			of = append(of, o.Key, o.SHA256)
		}
	}
	key, name := c.Dataset+"."+f.Name, strings.Join(of, "\n")
	if there, ok := r.prepared[key]; ok && there.of == name {
		return there.finder, nil
	}
	names := reference.New(f)
	for _, part := range p.Parts {
		for _, o := range part.Objects {
			body, err := lake.Read(ctx, r.lake, o.Object)
			if err != nil {
				return nil, fmt.Errorf("read %s, which column %s is matched with: %w", p.Dataset, f.Name, err)
			}
			if err := names.Add(body, o.Partition); err != nil {
				// Its digest is right: it will not change.
				return nil, runtime.Permanent(fmt.Errorf("read %s, which column %s is matched with: %s: %w; look at the contract of %s", p.Dataset, f.Name, o.Key, err, p.Dataset))
			}
		}
	}
	finder := names.Finder()
	r.prepared[key] = prepared{name, finder}
	return finder, nil
}

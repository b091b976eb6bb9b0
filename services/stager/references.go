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

// references holds the reference datasets with which columns are matched. It reads each snapshot once, whatever the number of
// runs that need it. Only the run that has the stager's turn may use it.
type references struct {
	lake     lake.Store
	prepared map[string]prepared // by dataset and matched column
}

// prepared is the finder of one column.
type prepared struct {
	of     string // the contract and the objects from which the finder was made
	finder matching.Finder
}

// matched holds the references of one run.
type matched struct {
	finders   map[string]matching.Finder // by column
	snapshots map[string]string          // by dataset; nil if no column is matched
}

func newReferences(l lake.Store) *references {
	return &references{lake: l, prepared: map[string]prepared{}}
}

// prepare reads the reference datasets of a contract's columns: of each, the snapshot that is published now.
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
				// The scheduler holds a run back until its references are published. If a run arrives anyway, retrying cannot
				// succeed.
				return m, runtime.Permanent(fmt.Errorf("stage %s: column %s is matched with %s, which was never published; run "+
					"%s, then replay this message",
					c.Dataset, f.Name, dataset, dataset))
			}
			// Invariant 11: simulated data are never mistaken for real data. A simulated ID in a real row would be.
			if !lake.Origin(sourceSystem).MayReferTo(p.Origin()) {
				return m, runtime.Permanent(fmt.Errorf("stage %s: its rows come from %s and would be matched with %s, which "+
					"comes from %s; use separate lakes for real and simulated data",
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

// finder returns the finder of a column. It reads the reference dataset only if the contract or the snapshot has changed.
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
				return nil, fmt.Errorf("read %s to match column %s: %w", p.Dataset, f.Name, err)
			}
			if err := names.Add(body, o.Partition); err != nil {
				// The digest of the object is correct, so retrying cannot succeed.
				return nil, runtime.Permanent(fmt.Errorf("read %s to match column %s: %s: %w; check the contract of %s",
					p.Dataset, f.Name, o.Key, err, p.Dataset))
			}
		}
	}
	finder := names.Finder()
	r.prepared[key] = prepared{name, finder}
	return finder, nil
}

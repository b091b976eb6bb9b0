package restore

import (
	"context"
	"errors"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// restoreMarts moves the pointer of the marts as restorePointer does that of a dataset. An error leaves the marts out of the
// report: the pointer was not written.
func (r *restoring) restoreMarts(ctx context.Context) (*Outcome, error) {
	replica, err := decode[lake.MartsPointer](ctx, r.from, lake.MartsPointerKey)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, nil
	}
	if stop := stopped(ctx); stop != nil {
		return nil, stop
	}
	if err != nil {
		return r.refuseMarts("", err), nil
	}
	existing, etag, err := lake.ReadMartsPointer(ctx, r.to)
	if err != nil {
		return nil, err
	}
	if existing != nil && existing.Build >= replica.Build {
		out := &Outcome{Name: martsName, Snapshot: existing.Build, State: Kept}
		return out, r.keep(ctx, r.ofMarts(existing), lake.Encode(existing), etag)
	}
	moved, refused, err := r.move(ctx, r.ofMarts(replica), etag)
	switch {
	case err != nil:
		return nil, err
	case refused != nil:
		return r.refuseMarts(replica.Build, refused), nil
	case !moved:
		return &Outcome{Name: martsName, Snapshot: replica.Build, State: Kept, Reason: "built in the meantime"}, nil
	}
	return &Outcome{Name: martsName, Snapshot: replica.Build, State: Restored}, nil
}

// rebuildMarts describes how to make marts that cannot be restored.
const rebuildMarts = "; llac marts builds them again"

func (r *restoring) refuseMarts(build string, err error) *Outcome {
	r.problem("marts: %v%s", err, rebuildMarts)
	return &Outcome{Name: martsName, Snapshot: build, State: Refused, Reason: err.Error()}
}

// ofMarts describes the pointer of the marts.
func (r *restoring) ofMarts(p *lake.MartsPointer) pointer {
	objects := []events.Object{p.Record}
	for _, m := range p.Models {
		objects = append(objects, m.Objects...)
	}
	return pointer{key: lake.MartsPointerKey, name: martsName, objects: objects, advice: rebuildMarts, encode: func() []byte {
		for i := range p.Models {
			for k := range p.Models[i].Objects {
				o := &p.Models[i].Objects[k]
				o.VersionID = r.version(*o)
			}
		}
		return lake.Encode(p)
	}}
}

package restore

import (
	"context"
	"errors"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// restoreMarts moves the pointer of the marts as restorePointer does that of a dataset.
func (r *restoring) restoreMarts(ctx context.Context) error {
	replica, err := decode[lake.MartsPointer](ctx, r.from, lake.MartsPointerKey)
	if errors.Is(err, lake.ErrNotFound) {
		return nil
	}
	out := &Outcome{Name: martsName, State: Restored}
	r.report.Marts = out
	if stop := stopped(ctx); stop != nil {
		return stop
	}
	if err != nil {
		r.refuseMarts(out, err)
		return nil
	}
	existing, etag, err := lake.ReadMartsPointer(ctx, r.to)
	if err != nil {
		return err
	}
	if existing != nil && existing.Build >= replica.Build {
		out.Snapshot, out.State = existing.Build, Kept
		return r.keep(ctx, r.ofMarts(existing), lake.Encode(existing), etag)
	}
	out.Snapshot = replica.Build
	moved, refused, err := r.move(ctx, r.ofMarts(replica), etag)
	switch {
	case err != nil:
		return err
	case refused != nil:
		r.refuseMarts(out, refused)
	case !moved:
		out.State, out.Reason = Kept, "built in the meantime"
	}
	return nil
}

// rebuildMarts describes how to make marts that cannot be restored.
const rebuildMarts = "; llac marts builds them again"

func (r *restoring) refuseMarts(out *Outcome, err error) {
	out.State, out.Reason = Refused, err.Error()
	r.problem("marts: %v%s", err, rebuildMarts)
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

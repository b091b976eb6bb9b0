package restore

import (
	"bytes"
	"context"
	"errors"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// pointer is a document that names the objects that readers see: of a dataset, of its history, or of the marts.
type pointer struct {
	key     string
	name    string // in reports
	objects []events.Object
	encode  func() []byte // with the version ids that the objects have in the restored lake
	advice  string        // what else to do if it is incomplete
}

// keep checks a pointer that the lake has already. Objects that it names may have been lost and restored since, with other
// version ids: then the pointer is rewritten. A damaged object is reported and not overwritten.
func (r *restoring) keep(ctx context.Context, p pointer, before []byte, etag string) error {
	err := r.checkAll(ctx, r.to, p.objects)
	if stop := stopped(ctx); stop != nil {
		return stop
	}
	if err != nil {
		if !r.options.DryRun || !errors.Is(err, lake.ErrNotFound) { // a restore copies what is not found
			r.problem("%s is kept and incomplete: %v%s", p.name, err, p.advice)
		}
		return nil
	}
	after := p.encode()
	if r.options.DryRun || bytes.Equal(before, after) {
		return nil
	}
	if _, err := r.to.CompareAndSwap(ctx, p.key, after, etag); err != nil && !errors.Is(err, lake.ErrChanged) {
		return err
	}
	return nil // a pointer that has moved in the meantime needs no repair
}

// move moves a pointer to the replica's, after all of its objects were read back. moved is false if somebody else has moved it
// in the meantime. refused states why the replica's pointer is not usable.
func (r *restoring) move(ctx context.Context, p pointer, etag string) (moved bool, refused, err error) {
	refused = r.checkAll(ctx, r.where(), p.objects)
	if stop := stopped(ctx); stop != nil {
		return false, nil, stop
	}
	if refused != nil || r.options.DryRun {
		return refused == nil, refused, nil
	}
	// Invariant 2: readers see the snapshot by this one move.
	_, err = r.to.CompareAndSwap(ctx, p.key, p.encode(), etag)
	if errors.Is(err, lake.ErrChanged) {
		return false, nil, nil
	}
	return err == nil, nil, err
}

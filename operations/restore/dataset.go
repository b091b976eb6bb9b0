package restore

import (
	"context"
	"errors"
	"strings"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// history maps the superseded snapshots of a dataset to their documents in the restored lake; nil: left out.
type history map[string]*events.Object

// restoreDataset restores the history, the pointer and the other state of one dataset, in this order.
func (r *restoring) restoreDataset(ctx context.Context, name string, keys []string) error {
	past := history{}
	var others []string
	for _, key := range keys { // in key order, which for the history is the order of time
		snapshot, isHistory := strings.CutPrefix(key, lake.HistoryPrefix(name))
		switch {
		case isHistory:
			o, err := r.restoreHistory(ctx, key, past)
			if err != nil {
				return err
			}
			past[strings.TrimSuffix(snapshot, ".json")] = o
		case key != lake.PointerKey(name):
			others = append(others, key)
		}
	}
	outcome, err := r.restorePointer(ctx, name, past)
	if err != nil {
		return err
	}
	if outcome != nil {
		r.report.Datasets = append(r.report.Datasets, *outcome)
		if outcome.State == Refused {
			// The cursor and the scheduler's notes belong to a pointer that the lake does not have.
			r.problem("%s: %s", name, outcome.Reason)
			return nil
		}
	}
	for _, key := range others {
		if err := r.restoreNote(ctx, key); err != nil {
			return err
		}
	}
	return r.checkArchive(ctx, name)
}

// ofDataset describes the pointer of a snapshot at a key.
func (r *restoring) ofDataset(key, name string, p *lake.Pointer, past history) pointer {
	var objects []events.Object
	for _, part := range p.Parts {
		objects = append(objects, part.Candidate, part.Verdict)
		for _, o := range part.Objects {
			objects = append(objects, o.Object)
		}
	}
	return pointer{key: key, name: name, objects: objects, encode: func() []byte { return r.encodeSnapshot(p, past) }}
}

// encodeSnapshot encodes a pointer with the version ids of the restored lake.
func (r *restoring) encodeSnapshot(p *lake.Pointer, past history) []byte {
	for i := range p.Parts {
		part := &p.Parts[i]
		part.Candidate.VersionID = r.version(part.Candidate)
		for k := range part.Objects {
			part.Objects[k].VersionID = r.version(part.Objects[k].Object)
		}
	}
	if o := past[p.Previous]; o != nil && p.PreviousObject != nil {
		p.PreviousObject = o
	}
	return lake.Encode(p)
}

// restoreHistory restores one superseded pointer. A pointer whose objects are incomplete is reported and left out: no reader
// could roll back to it.
func (r *restoring) restoreHistory(ctx context.Context, key string, past history) (*events.Object, error) {
	existing, info, err := lake.ReadState[lake.Pointer](ctx, r.to, key)
	if err != nil {
		return nil, err
	}
	if existing != nil {
		if existing.SweptAt.IsZero() {
			if err := r.keep(ctx, r.ofDataset(key, key, existing, past), lake.Encode(existing), info.ETag); err != nil {
				return nil, err
			}
		}
		return r.object(ctx, key)
	}
	old, err := decode[lake.Pointer](ctx, r.from, key)
	if err == nil && old.SweptAt.IsZero() {
		err = r.checkAll(ctx, r.where(), r.ofDataset(key, key, old, past).objects)
	}
	if stop := stopped(ctx); stop != nil {
		return nil, stop
	}
	if err != nil {
		r.problem("%s is left out: %v", key, err)
		return nil, nil
	}
	if r.options.DryRun {
		return nil, nil
	}
	info, _, err = r.to.PutIfAbsent(ctx, key, r.encodeSnapshot(old, past))
	if err != nil {
		return nil, err
	}
	o := info.Object()
	return &o, nil
}

// object returns the reference to an object of the restored lake.
func (r *restoring) object(ctx context.Context, key string) (*events.Object, error) {
	b, info, err := r.to.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	info.SHA256, info.Size = lake.SHA256(b), int64(len(b))
	o := info.Object()
	return &o, nil
}

// restorePointer moves a dataset's pointer to the replica's snapshot if that one is later and complete. The outcome is nil if
// the dataset was never published.
func (r *restoring) restorePointer(ctx context.Context, name string, past history) (*Outcome, error) {
	replica, err := decode[lake.Pointer](ctx, r.from, lake.PointerKey(name))
	if errors.Is(err, lake.ErrNotFound) {
		return nil, nil
	}
	var broken *lake.DecodeError
	if errors.As(err, &broken) {
		return &Outcome{Name: name, State: Refused, Reason: err.Error()}, nil
	}
	if err != nil {
		return nil, err
	}
	existing, etag, err := lake.ReadPointer(ctx, r.to, name)
	if err != nil {
		return nil, err
	}
	if existing != nil && existing.Snapshot >= replica.Snapshot { // invariant 10
		out := &Outcome{Name: name, Snapshot: existing.Snapshot, State: Kept}
		if existing.Snapshot > replica.Snapshot {
			out.Reason = "later than the replica's " + replica.Snapshot
		}
		return out, r.keep(ctx, r.ofDataset(lake.PointerKey(name), name, existing, past), lake.Encode(existing), etag)
	}
	if existing != nil && existing.Held != nil {
		reason := "held by " + existing.Held.By + ": " + existing.Held.Reason
		return &Outcome{Name: name, Snapshot: existing.Snapshot, State: Kept, Reason: reason}, nil
	}
	out := &Outcome{Name: name, Snapshot: replica.Snapshot, State: Restored}
	moved, refused, err := r.move(ctx, r.ofDataset(lake.PointerKey(name), name, replica, past), etag)
	switch {
	case err != nil:
		return nil, err
	case refused != nil:
		out.State, out.Reason = Refused, refused.Error()
	case !moved:
		out.State, out.Reason = Kept, "published in the meantime"
	}
	return out, nil
}

// restoreNote copies a small document of the state that readers of data do not see, if the lake lacks it.
func (r *restoring) restoreNote(ctx context.Context, key string) error {
	if r.options.DryRun {
		return nil
	}
	b, _, err := r.from.Get(ctx, key)
	if err != nil {
		return err
	}
	if _, _, err = r.to.PutIfAbsent(ctx, key, b); errors.Is(err, lake.ErrExists) {
		return nil
	}
	return err
}

package restore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// marts is the folder of the state that is no dataset's.
const marts = "marts"

// state brings back what every dataset's readers see, one dataset after the other, and then the marts.
func (r *restoring) state(ctx context.Context) error {
	keys := map[string][]string{} // by dataset
	if err := r.from.List(ctx, "state/", func(i lake.Info) bool {
		keys[dataset(i.Key)] = append(keys[dataset(i.Key)], i.Key)
		return true
	}); err != nil {
		return fmt.Errorf("list the state in the replica: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		if name == marts {
			continue
		}
		if err := r.dataset(ctx, name, keys[name]); err != nil {
			return err
		}
	}
	if len(keys[marts]) > 0 {
		return r.marts(ctx)
	}
	return nil
}

// dataset brings back the history, the pointer and what else is known of one dataset, in this order.
func (r *restoring) dataset(ctx context.Context, name string, keys []string) error {
	kept := map[string]*events.Object{} // by snapshot: the copy in the history
	var others []string
	for _, key := range keys { // in key order: of the history that is the order of time
		switch snapshot, is := strings.CutPrefix(key, lake.HistoryPrefix(name)); {
		case is:
			o, err := r.history(ctx, key, kept)
			if err != nil {
				return err
			}
			kept[strings.TrimSuffix(snapshot, ".json")] = o
		case key != lake.PointerKey(name):
			others = append(others, key)
		}
	}
	outcome, err := r.pointer(ctx, name, kept)
	if err != nil {
		return err
	}
	if outcome != nil {
		r.report.Datasets = append(r.report.Datasets, *outcome)
		if outcome.State == Refused {
			// The cursor and the notes of the scheduler are of a pointer that is not there.
			r.problem("%s: %s", name, outcome.Reason)
			return nil
		}
	}
	for _, key := range others {
		if err := r.note(ctx, key); err != nil {
			return err
		}
	}
	return r.archive(ctx, name)
}

// objectsOf are the objects that a pointer stands on.
func objectsOf(p *lake.Pointer) []events.Object {
	var out []events.Object
	for _, part := range p.Parts {
		out = append(out, part.Candidate, part.Verdict)
		for _, o := range part.Objects {
			out = append(out, o.Object)
		}
	}
	return out
}

// here is the pointer as it is to stand in the restored lake: with the versions that its objects have there.
func (r *restoring) here(p *lake.Pointer, kept map[string]*events.Object) []byte {
	for i := range p.Parts {
		part := &p.Parts[i]
		part.Candidate.VersionID = r.version(part.Candidate)
		for k := range part.Objects {
			part.Objects[k].VersionID = r.version(part.Objects[k].Object)
		}
	}
	if o := kept[p.Previous]; o != nil && p.PreviousObject != nil {
		p.PreviousObject = o
	}
	return lake.Encode(p)
}

func decode[T any](ctx context.Context, s lake.Store, key string) (*T, error) {
	b, _, err := s.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal(b, v); err != nil {
		return nil, &lake.DecodeError{Key: key, Err: err}
	}
	return v, nil
}

// history brings back one superseded pointer. One whose objects are not whole is told of and left out: nobody could go back to it.
func (r *restoring) history(ctx context.Context, key string, kept map[string]*events.Object) (*events.Object, error) {
	there, info, err := lake.ReadState[lake.Pointer](ctx, r.to, key)
	if err != nil {
		return nil, err
	}
	if there != nil {
		if there.SweptAt.IsZero() {
			if err := r.standing(ctx, key, there, kept, info.ETag); err != nil {
				return nil, err
			}
		}
		return r.copyOf(ctx, key)
	}
	old, err := decode[lake.Pointer](ctx, r.from, key)
	if err == nil && old.SweptAt.IsZero() {
		err = r.all(ctx, objectsOf(old))
	}
	if stop := interrupted(ctx); stop != nil {
		return nil, stop
	}
	if err != nil {
		r.problem("%s is left out: %v", key, err)
		return nil, nil
	}
	if r.options.DryRun {
		return nil, nil
	}
	info, _, err = r.to.PutIfAbsent(ctx, key, r.here(old, kept))
	if err != nil {
		return nil, err
	}
	o := info.Object()
	return &o, nil
}

// pointer moves a dataset's readers to the replica's snapshot, where that is later than theirs and whole.
func (r *restoring) pointer(ctx context.Context, name string, kept map[string]*events.Object) (*Outcome, error) {
	replica, err := decode[lake.Pointer](ctx, r.from, lake.PointerKey(name))
	if errors.Is(err, lake.ErrNotFound) {
		return nil, nil // never published: only notes
	}
	var broken *lake.DecodeError
	if errors.As(err, &broken) {
		return &Outcome{Name: name, State: Refused, Reason: err.Error()}, nil
	}
	if err != nil {
		return nil, err
	}
	out := &Outcome{Name: name, Snapshot: replica.Snapshot, State: Kept}
	there, etag, err := lake.ReadPointer(ctx, r.to, name)
	if err != nil {
		return nil, err
	}
	if there != nil && there.Snapshot >= replica.Snapshot { // invariant 10
		out.Snapshot = there.Snapshot
		if there.Snapshot > replica.Snapshot {
			out.Reason = "later than the replica's " + replica.Snapshot
		}
		return out, r.standing(ctx, name, there, kept, etag)
	}
	if there != nil && there.Held != nil {
		out.Snapshot, out.Reason = there.Snapshot, "held by "+there.Held.By+": "+there.Held.Reason
		return out, nil
	}
	err = r.all(ctx, objectsOf(replica))
	if stop := interrupted(ctx); stop != nil {
		return nil, stop
	}
	if err != nil {
		out.State, out.Reason = Refused, err.Error()
		return out, nil
	}
	out.State = Restored
	if r.options.DryRun {
		return out, nil
	}
	// Invariant 2: by this one move, after everything it names was read back.
	if _, err = r.to.CompareAndSwap(ctx, lake.PointerKey(name), r.here(replica, kept), etag); errors.Is(err, lake.ErrChanged) {
		out.State, out.Reason = Kept, "published meanwhile"
		return out, nil
	}
	return out, err
}

// standing looks after a pointer that stays: what it names may have been gone and be back by now, in other versions, or be damaged, which is
// told and not overwritten.
func (r *restoring) standing(ctx context.Context, name string, p *lake.Pointer, kept map[string]*events.Object, etag string) error {
	key := lake.PointerKey(name)
	if strings.Contains(name, "/") { // one of the history
		key = name
	}
	before := lake.Encode(p)
	err := r.whole(ctx, r.to, objectsOf(p))
	if stop := interrupted(ctx); stop != nil {
		return stop
	}
	if err != nil {
		if r.options.DryRun && errors.Is(err, lake.ErrNotFound) {
			return nil // what a restore brings back
		}
		r.problem("%s stays, and is not whole: %v", name, err)
		return nil
	}
	after := r.here(p, kept)
	if r.options.DryRun || bytes.Equal(before, after) {
		return nil
	}
	if _, err := r.to.CompareAndSwap(ctx, key, after, etag); err != nil && !errors.Is(err, lake.ErrChanged) {
		return err
	}
	return nil // moved on meanwhile: then it is the gate's
}

// copyOf is the history's copy of a pointer as it lies in the restored lake.
func (r *restoring) copyOf(ctx context.Context, key string) (*events.Object, error) {
	b, info, err := r.to.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	info.SHA256, info.Size = lake.SHA256(b), int64(len(b))
	o := info.Object()
	return &o, nil
}

// note copies a small document of the state that no reader of data sees, where there is none.
func (r *restoring) note(ctx context.Context, key string) error {
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

// archive holds the archived pages of a dataset against its evidence: they are what its numbers are made again from.
func (r *restoring) archive(ctx context.Context, name string) error {
	store := r.where()
	var keys []string
	if err := store.List(ctx, "evidence/"+name+"/", func(i lake.Info) bool {
		keys = append(keys, i.Key)
		return true
	}); err != nil {
		return err
	}
	for _, key := range keys {
		e, err := decode[lake.Evidence](ctx, store, key)
		if err != nil {
			r.problem("%v", err)
			continue
		}
		for _, d := range e.Deletes {
			if d.Archive == nil {
				continue
			}
			switch err := r.check(ctx, store, *d.Archive); {
			case interrupted(ctx) != nil:
				return interrupted(ctx)
			case errors.Is(err, lake.ErrNotFound):
				r.report.Missing++
			case err != nil:
				r.problem("%v", err)
			default:
				r.report.Archived++
			}
		}
	}
	return nil
}

// marts moves the readers of the marts, as pointer does those of a dataset.
func (r *restoring) marts(ctx context.Context) error {
	replica, err := decode[lake.MartsPointer](ctx, r.from, lake.MartsPointerKey)
	if errors.Is(err, lake.ErrNotFound) {
		return nil
	}
	out := &Outcome{Name: marts, State: Kept}
	r.report.Marts = out
	if err == nil {
		out.Snapshot = replica.Build
		there, etag, readErr := lake.ReadMartsPointer(ctx, r.to)
		if readErr != nil {
			return readErr
		}
		if there != nil && there.Build >= replica.Build {
			out.Snapshot = there.Build
			return r.standingMarts(ctx, there, etag)
		}
		if err = r.all(ctx, martObjects(replica)); err == nil {
			out.State = Restored
			if r.options.DryRun {
				return nil
			}
			if _, err := r.to.CompareAndSwap(ctx, lake.MartsPointerKey, r.martsHere(replica), etag); errors.Is(err, lake.ErrChanged) {
				out.State, out.Reason = Kept, "built meanwhile"
			} else if err != nil {
				return err
			}
			return nil
		}
	}
	if stop := interrupted(ctx); stop != nil {
		return stop
	}
	out.State, out.Reason = Refused, err.Error()
	r.problem("marts: %v; llac marts makes them again", err)
	return nil
}

// martObjects are the objects that the marts' pointer stands on.
func martObjects(p *lake.MartsPointer) []events.Object {
	out := []events.Object{p.Record}
	for _, m := range p.Models {
		out = append(out, m.Objects...)
	}
	return out
}

// martsHere is the marts' pointer with the versions that its objects have in the restored lake.
func (r *restoring) martsHere(p *lake.MartsPointer) []byte {
	for i := range p.Models {
		for k := range p.Models[i].Objects {
			o := &p.Models[i].Objects[k]
			o.VersionID = r.version(*o)
		}
	}
	return lake.Encode(p)
}

// standingMarts is standing for the marts.
func (r *restoring) standingMarts(ctx context.Context, p *lake.MartsPointer, etag string) error {
	before := lake.Encode(p)
	err := r.whole(ctx, r.to, martObjects(p))
	if stop := interrupted(ctx); stop != nil {
		return stop
	}
	if err != nil {
		if !r.options.DryRun || !errors.Is(err, lake.ErrNotFound) {
			r.problem("marts stay, and are not whole: %v; llac marts makes them again", err)
		}
		return nil
	}
	after := r.martsHere(p)
	if r.options.DryRun || bytes.Equal(before, after) {
		return nil
	}
	if _, err := r.to.CompareAndSwap(ctx, lake.MartsPointerKey, after, etag); err != nil && !errors.Is(err, lake.ErrChanged) {
		return err
	}
	return nil
}

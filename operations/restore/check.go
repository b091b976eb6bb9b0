package restore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// objectID names an object without its version.
type objectID struct{ key, sha256 string }

// where is the store in which objects are checked: the restored lake, or the replica in a dry run.
func (r *restoring) where() lake.Store {
	if r.options.DryRun {
		return r.from
	}
	return r.to
}

// checkAll checks objects in a store, several at a time, and returns the first error.
func (r *restoring) checkAll(ctx context.Context, store lake.Store, objects []events.Object) error {
	r.progress(func(s *Step) { *s = Step{Doing: "check", Total: len(objects), Bytes: s.Bytes} })
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxCopies)
	for _, o := range objects {
		group.Go(func() error {
			err := r.check(ctx, store, o)
			r.progress(func(s *Step) { s.Done++ })
			return err
		})
	}
	return group.Wait()
}

// check reads an object and compares its size and digest with its name.
func (r *restoring) check(ctx context.Context, store lake.Store, o events.Object) error {
	r.mu.Lock()
	_, known := r.checked[objectID{o.Key, o.SHA256}]
	r.mu.Unlock()
	if known && store == r.where() {
		return nil
	}
	body, info, err := store.Open(ctx, o.Key)
	if err != nil {
		return err
	}
	defer body.Close() // read only
	digest := sha256.New()
	n, err := io.Copy(digest, body)
	if err != nil {
		return fmt.Errorf("read %s: %w", o.Key, err)
	}
	if sum := hex.EncodeToString(digest.Sum(nil)); n != o.Size || sum != o.SHA256 {
		return &lake.IntegrityError{Object: o, Got: fmt.Sprintf("%d bytes, sha256 %s", n, sum)}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if store == r.where() {
		r.checked[objectID{o.Key, o.SHA256}] = info.VersionID
	}
	return nil
}

// version returns the version id of an object in the restored lake. An object that was not read keeps its id.
func (r *restoring) version(o events.Object) string {
	if v, ok := r.checked[objectID{o.Key, o.SHA256}]; ok {
		return v
	}
	return o.VersionID
}

// checkArchive checks the archived pages of a dataset against its evidence: its numbers can be made again from them.
func (r *restoring) checkArchive(ctx context.Context, name string) error {
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
			if err := r.checkArchived(ctx, store, *d.Archive); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkArchived counts one archived page as checked, missing or damaged. The error is that of ctx.
func (r *restoring) checkArchived(ctx context.Context, store lake.Store, page events.Object) error {
	err := r.check(ctx, store, page)
	if stop := stopped(ctx); stop != nil {
		return stop
	}
	switch {
	case errors.Is(err, lake.ErrNotFound):
		r.report.Missing++
	case err != nil:
		r.problem("%v", err)
	default:
		r.report.Archived++
	}
	return nil
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

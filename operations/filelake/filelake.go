// Package filelake reads a bucket of the local cloud directly from its files, whether the cloud is running or not. This
// is safe because a file of the lake appears complete, by rename, or not at all.
package filelake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/llac-project/llac/platform/lake"
)

// ErrReadOnly is returned by every method that would change the lake.
var ErrReadOnly = errors.New("the lake is read-only")

// Bucket is one bucket of a local lake, read-only. A bucket whose folder is missing is empty.
type Bucket struct {
	root string
}

var _ lake.Store = (*Bucket)(nil)

// Open returns the bucket of the state directory dir (".llac"). It neither reads nor creates files.
func Open(dir, bucket string) *Bucket { return &Bucket{root: filepath.Join(dir, "lake", bucket)} }

// Path returns the file of an object.
func (b *Bucket) Path(key string) string { return filepath.Join(b.root, filepath.FromSlash(key)) }

// Get reads a whole object.
func (b *Bucket) Get(ctx context.Context, key string) ([]byte, lake.Info, error) {
	r, info, err := b.Open(ctx, key)
	if err != nil {
		return nil, lake.Info{}, err
	}
	defer func() { _ = r.Close() }() // opened for reading: Close cannot lose data
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, lake.Info{}, fmt.Errorf("read %s: %w", b.Path(key), err)
	}
	info.Size, info.SHA256 = int64(len(body)), lake.SHA256(body)
	return body, info, nil
}

// Open streams an object; the caller closes it.
func (b *Bucket) Open(ctx context.Context, key string) (io.ReadCloser, lake.Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, lake.Info{}, err
	}
	if !fs.ValidPath(key) || key == "." {
		return nil, lake.Info{}, fmt.Errorf("read %q: not a key of a local lake: %w", key, lake.ErrNotFound)
	}
	f, err := os.Open(b.Path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, lake.Info{}, fmt.Errorf("read %s: %w", key, lake.ErrNotFound)
	}
	if err != nil {
		return nil, lake.Info{}, fmt.Errorf("read %s: %w", key, err)
	}
	stat, err := f.Stat()
	if err == nil && stat.IsDir() {
		err = lake.ErrNotFound
	}
	if err != nil {
		return nil, lake.Info{}, errors.Join(fmt.Errorf("read %s: %w", key, err), f.Close())
	}
	return f, lake.Info{Key: key, Size: stat.Size(), Modified: stat.ModTime().UTC()}, nil
}

// List calls yield for each object under prefix in key order, until yield returns false.
func (b *Bucket) List(ctx context.Context, prefix string, yield func(lake.Info) bool) error {
	err := b.walk(ctx, path.Dir(prefix+"x"), prefix, yield)
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// errEnough ends a walk after yield has returned false.
var errEnough = errors.New("enough listed")

// walk lists the folder at in the byte order of the keys: a folder sorts with its slash, as in S3.
func (b *Bucket) walk(ctx context.Context, at, prefix string, yield func(lake.Info) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(b.root, filepath.FromSlash(at)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", at, err)
	}
	names := make([]string, len(entries))
	byName := make(map[string]fs.DirEntry, len(entries))
	for i, e := range entries {
		names[i] = path.Join(at, e.Name())
		if e.IsDir() {
			names[i] += "/"
		}
		byName[names[i]] = e
	}
	slices.Sort(names)
	for _, key := range names {
		folder := strings.HasSuffix(key, "/")
		switch {
		case folder && (strings.HasPrefix(key, prefix) || strings.HasPrefix(prefix, key)):
			if err := b.walk(ctx, strings.TrimSuffix(key, "/"), prefix, yield); err != nil {
				return err
			}
		case !folder && strings.HasPrefix(key, prefix):
			stat, err := byName[key].Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // deleted during the walk
			}
			if err != nil {
				return fmt.Errorf("list %s: %w", key, err)
			}
			if !yield(lake.Info{Key: key, Size: stat.Size(), Modified: stat.ModTime().UTC()}) {
				return errEnough
			}
		}
	}
	return nil
}

// Put returns ErrReadOnly.
func (b *Bucket) Put(_ context.Context, key string, _ []byte, _ ...lake.PutOption) (lake.Info, error) {
	return lake.Info{}, refuse(key)
}

// PutIfAbsent returns ErrReadOnly.
func (b *Bucket) PutIfAbsent(_ context.Context, key string, _ []byte, _ ...lake.PutOption) (lake.Info, lake.Outcome, error) {
	return lake.Info{}, 0, refuse(key)
}

// PutStream returns ErrReadOnly.
func (b *Bucket) PutStream(_ context.Context, key string, _ io.Reader, _ ...lake.PutOption) (lake.Info, error) {
	return lake.Info{}, refuse(key)
}

// CompareAndSwap returns ErrReadOnly.
func (b *Bucket) CompareAndSwap(_ context.Context, key string, _ []byte, _ string, _ ...lake.PutOption) (lake.Info, error) {
	return lake.Info{}, refuse(key)
}

// Delete returns ErrReadOnly.
func (b *Bucket) Delete(_ context.Context, key, _ string) error { return refuse(key) }

func refuse(key string) error { return fmt.Errorf("write %s: %w", key, ErrReadOnly) }

package marts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// Copies holds objects of a remote lake as files on this machine. Each object has a folder named by the sha256 of its bytes,
// and in it the object's key as a path, because the path carries data such as partition values.
type Copies struct {
	Store  lake.Store
	Folder string

	mu    sync.Mutex
	files map[string]string // by key
}

// copiers is how many objects are downloaded at a time.
const copiers = 8

// copyTries is how often a download is attempted when its connection breaks.
const copyTries = 3

// Bring downloads the objects that are not here yet, and hashes those that are: what the engine reads has the bytes that were
// published. The error is a *lake.IntegrityError if the lake has other bytes.
func (c *Copies) Bring(ctx context.Context, objects []events.Object, progress func(Step)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan events.Object)
	var all sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range copiers {
		all.Go(func() {
			for o := range next {
				file, err := c.bring(ctx, o)
				if err != nil {
					cancel(err)
					return
				}
				c.mu.Lock()
				if c.files == nil {
					c.files = map[string]string{}
				}
				c.files[o.Key] = file
				c.mu.Unlock()
				mu.Lock()
				done++
				progress(Step{Doing: "copy", Done: done, Total: len(objects), Name: o.Key})
				mu.Unlock()
			}
		})
	}
	for _, o := range objects {
		select {
		case next <- o:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	all.Wait()
	return context.Cause(ctx)
}

// Place returns the file of an object that Bring copied. For any other object it returns a file that does not exist.
func (c *Copies) Place(key string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if file, ok := c.files[key]; ok {
		return filepath.ToSlash(file)
	}
	return filepath.ToSlash(filepath.Join(c.Folder, "missing", filepath.FromSlash(key)))
}

// Keep removes all copies except those of the objects given to Bring.
func (c *Copies) Keep() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	wanted := map[string]bool{}
	for key, file := range c.files {
		wanted[filepath.Base(file[:len(file)-len(filepath.FromSlash(key))-1])] = true
	}
	entries, err := os.ReadDir(c.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if !wanted[e.Name()] {
			err = errors.Join(err, os.RemoveAll(filepath.Join(c.Folder, e.Name())))
		}
	}
	return err
}

func (c *Copies) bring(ctx context.Context, o events.Object) (string, error) {
	if !fs.ValidPath(o.Key) || len(o.SHA256) != sha256.Size*2 || !filepath.IsLocal(o.SHA256) {
		// A pointer that was edited by hand must not name a file outside the folder.
		return "", fmt.Errorf("copy %q: not an object of a lake", o.Key)
	}
	folder, err := filepath.Abs(filepath.Join(c.Folder, o.SHA256))
	if err != nil {
		return "", fmt.Errorf("copy %s: %w", o.Key, err)
	}
	file := filepath.Join(folder, filepath.FromSlash(o.Key))
	// What is read has the hash of what was written; this holds for earlier copies too.
	if size, sum, err := digest(file); err == nil && size == o.Size && sum == o.SHA256 {
		return file, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the copy of %s: %w", o.Key, err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", fmt.Errorf("copy %s: %w", o.Key, err)
	}
	for try := 1; ; try++ {
		size, sum, err := c.fetch(ctx, o.Key, file)
		switch {
		case err == nil && size == o.Size && sum == o.SHA256:
			return file, nil
		case err == nil:
			return "", errors.Join(&lake.IntegrityError{Object: o, Got: fmt.Sprintf("%d bytes, sha256 %s", size, sum)},
				os.RemoveAll(folder))
		case try == copyTries || ctx.Err() != nil || errors.Is(err, lake.ErrNotFound):
			return "", fmt.Errorf("copy %s: %w", o.Key, err)
		}
	}
}

// fetch downloads an object to a file, which appears complete or not at all, and returns the size and sha256 of its bytes.
func (c *Copies) fetch(ctx context.Context, key, file string) (size int64, sum string, err error) {
	body, _, err := c.Store.Open(ctx, key)
	if err != nil {
		return 0, "", err
	}
	defer body.Close()
	part, err := os.CreateTemp(filepath.Dir(file), ".part-*")
	if err != nil {
		return 0, "", err
	}
	d := sha256.New()
	size, err = io.Copy(io.MultiWriter(part, d), body)
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), file)
	}
	if err != nil {
		return 0, "", errors.Join(err, os.Remove(part.Name()))
	}
	return size, sumOf(d), nil
}

func digest(file string) (int64, string, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, "", err
	}
	defer f.Close() // read only
	d := sha256.New()
	size, err := io.Copy(d, f)
	return size, sumOf(d), err
}

func sumOf(d hash.Hash) string { return hex.EncodeToString(d.Sum(nil)) }

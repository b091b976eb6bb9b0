package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const stampName = ".stamp"

// Keep returns the folder of an entry. If the entry is missing, or was made for another stamp, Keep calls make to fill it.
// Concurrent callers for the same entry wait. make receives the empty folder that Keep returns, so that files in it may contain
// its path.
func Keep(ctx context.Context, name, stamp string, make func(dir string) error) (string, error) {
	root, err := Folder()
	if err != nil {
		return "", err
	}
	return keep(ctx, filepath.Join(root, name), stamp, make)
}

func keep(ctx context.Context, dir, stamp string, make func(dir string) error) (string, error) {
	return locked(ctx, dir, func() error {
		at := filepath.Join(dir, stampName)
		if b, err := os.ReadFile(at); err == nil && string(b) == stamp {
			return nil
		}
		if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
			return fmt.Errorf("empty %s: %w", dir, err)
		}
		if err := make(dir); err != nil {
			return errors.Join(err, os.RemoveAll(dir))
		}
		// The stamp is written last: a folder without it is incomplete.
		if err := os.WriteFile(at, []byte(stamp), 0o644); err != nil {
			return fmt.Errorf("stamp %s: %w", dir, err)
		}
		return nil
	})
}

// Update calls update with the folder of the entry name, as the last call left it, and returns the folder. Only one process
// updates an entry at a time.
func Update(ctx context.Context, name string, update func(dir string) error) (string, error) {
	root, err := Folder()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, name)
	return locked(ctx, dir, func() error {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make the cache folder: %w", err)
		}
		return update(dir)
	})
}

// locked runs change while this process holds the lock of the entry dir, and returns dir.
func locked(ctx context.Context, dir string, change func() error) (string, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	lock, err := os.OpenFile(dir+".lock", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return "", fmt.Errorf("lock %s: %w", dir, err)
	}
	defer lock.Close() // also unlocks
	if err := wait(ctx, lock); err != nil {
		return "", fmt.Errorf("lock %s: %w", dir, err)
	}
	if err := change(); err != nil {
		return "", err
	}
	return dir, nil
}

// wait takes the lock, or returns the context's error.
func wait(ctx context.Context, lock *os.File) error {
	for {
		held, err := tryLock(lock)
		if held || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond): // a blocking flock(2) cannot be cancelled
		}
	}
}

// Folder returns <repository>/.cache or, outside a checkout, the user's cache folder.
func Folder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.work")); err == nil {
			return filepath.Join(d, ".cache"), nil
		}
		if d == filepath.Dir(d) {
			break
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a cache folder: %w", err)
	}
	return filepath.Join(cache, "llac"), nil
}

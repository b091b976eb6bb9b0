package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Update calls update with the folder of the entry name, as the last call left it, and returns the folder. Only one process
// updates an entry at a time.
func Update(ctx context.Context, name string, update func(dir string) error) (_ string, err error) {
	root, err := Folder()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	lock, err := os.OpenFile(dir+".lock", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return "", fmt.Errorf("lock %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // closing also unlocks
	if err := wait(ctx, lock); err != nil {
		return "", fmt.Errorf("lock %s: %w", dir, err)
	}
	return dir, update(dir)
}

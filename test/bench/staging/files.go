package staging

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// each calls yield for every file below dir, with its relative path.
func each(dir string, yield func(path, relative string) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return yield(path, relative)
	})
}

// readAll reads every file below dir and returns the number of bytes.
func readAll(ctx context.Context, dir string) (int64, error) {
	var total int64
	err := each(dir, func(path, _ string) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		n, err := io.Copy(io.Discard, f)
		if total += n; err == nil {
			err = ctx.Err()
		}
		return err
	})
	return total, err
}

// digests returns the SHA-256 of every file below dir, by path.
func digests(dir string) (map[string]string, error) {
	out := map[string]string{}
	err := each(dir, func(path, relative string) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		_, err = io.Copy(h, f)
		out[relative] = hex.EncodeToString(h.Sum(nil))
		return err
	})
	return out, err
}

// folderBytes returns the total size of the files below dir.
func folderBytes(dir string) (int64, error) {
	var total int64
	err := each(dir, func(path, _ string) error {
		info, err := os.Stat(path)
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

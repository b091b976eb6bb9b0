package janitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// archive copies one landing object to the archive, reads the copy back and compares the bytes.
func (j janitor) archive(ctx context.Context, o events.Object) (events.Object, error) {
	raw, err := lake.Read(ctx, j.ports.Lake, o)
	if err != nil {
		return events.Object{}, err
	}
	key, body := lake.ArchiveKey(o.Key), raw
	if strings.HasSuffix(key, ".zst") {
		if body, err = compress(raw); err != nil {
			return events.Object{}, err
		}
	}
	_, _, err = j.ports.Lake.PutIfAbsent(ctx, key, body)
	// Another build may have compressed the same page to other bytes. Only the decompressed bytes must be equal.
	if err != nil && !errors.Is(err, lake.ErrExists) {
		return events.Object{}, err
	}
	stored, info, err := j.ports.Lake.Get(ctx, key)
	if err != nil {
		return events.Object{}, err
	}
	unpacked := stored
	if strings.HasSuffix(key, ".zst") {
		if unpacked, err = decompress(stored); err != nil {
			return events.Object{}, fmt.Errorf("decompress the archived page %s: %w; landing is kept", key, err)
		}
	}
	if !bytes.Equal(unpacked, raw) {
		return events.Object{}, fmt.Errorf("compare the archived page %s: it does not decompress to the bytes in landing; "+
			"landing is kept", key)
	}
	info.SHA256, info.Size = lake.SHA256(stored), int64(len(stored))
	return info.Object(), nil
}

func compress(raw []byte) ([]byte, error) {
	// With one goroutine the same input gives the same bytes on any machine.
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		return nil, err
	}
	defer w.Close()
	return w.EncodeAll(raw, nil), nil
}

func decompress(packed []byte) ([]byte, error) {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.DecodeAll(packed, nil)
}

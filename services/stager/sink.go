package stager

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/services/stager/engine"
)

// oneRequest is the maximum size of a file that is uploaded in one request. Larger files are streamed from the spool.
const oneRequest = 8 << 20

// sink writes an attempt's files to the lake and records them. Its memory is bounded, whatever the size of the files.
type sink struct {
	store                 lake.Store
	dataset, run, attempt string
	spool                 spool

	mu      sync.Mutex
	written map[string]events.Object // by key
}

// newSink returns the sink of an attempt. The caller closes it.
func newSink(store lake.Store, dataset, run, attempt, temporary string) *sink {
	return &sink{store: store, dataset: dataset, run: run, attempt: attempt, spool: spool{folder: temporary},
		written: map[string]events.Object{}}
}

// close deletes the sink's file on disk.
func (s *sink) close() { s.spool.close() }

// key returns the key of an output.
func (s *sink) key(o engine.Output) string {
	if o.Quarantine {
		return lake.QuarantineKey(s.dataset, s.run, s.attempt)
	}
	return lake.StagingKey(s.dataset, s.run, s.attempt, o.Partition)
}

// Create implements engine.Sink. A file is spooled until it is committed and then uploaded create-only, so readers never see
// an incomplete file.
func (s *sink) Create(_ context.Context, o engine.Output) (engine.File, error) {
	return &object{content: s.spool.create(), sink: s, key: s.key(o), digest: sha256.New()}, nil
}

// object returns the object that was written for an output.
func (s *sink) object(o engine.Output) (events.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	object, ok := s.written[s.key(o)]
	if !ok {
		return object, fmt.Errorf("list candidate: the engine returned %s without committing it; report this defect of the "+
			"engine", s.key(o))
	}
	return object, nil
}

// put creates an object. The key contains the attempt's ID, so an existing object is not from an earlier try of this attempt:
// put fails, and the next try is another attempt.
func (s *sink) put(ctx context.Context, key string, body []byte) (events.Object, error) {
	info, _, err := s.store.PutIfAbsent(ctx, key, body)
	if err != nil {
		return events.Object{}, err
	}
	return s.note(events.Object{Key: key, VersionID: info.VersionID, Size: int64(len(body)), SHA256: lake.SHA256(body)}), nil
}

// note records a written object and returns it.
func (s *sink) note(written events.Object) events.Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written[written.Key] = written
	return written
}

// object is one file being written.
type object struct {
	*content
	sink   *sink
	key    string
	digest hash.Hash // of the bytes written
}

func (o *object) Write(b []byte) (int, error) {
	n, err := o.content.Write(b)
	o.digest.Write(b[:n])
	return n, err
}

// Commit uploads the file, in one request or in parts.
func (o *object) Commit(ctx context.Context) error {
	defer o.release()
	var info lake.Info
	var err error
	if o.size > oneRequest {
		info, err = o.sink.store.PutStream(ctx, o.key, o.Reader())
	} else {
		body := make([]byte, o.size)
		if _, err := io.ReadFull(o.Reader(), body); err != nil {
			return fmt.Errorf("write %s: read the spool: %w", o.key, err)
		}
		info, _, err = o.sink.store.PutIfAbsent(ctx, o.key, body)
	}
	if err != nil {
		return err
	}
	written := events.Object{Key: o.key, VersionID: info.VersionID, Size: o.size, SHA256: hex.EncodeToString(o.digest.Sum(nil))}
	if info.Size != written.Size || info.SHA256 != written.SHA256 { // the disk returned other bytes than were written
		return fmt.Errorf("write %s: %d bytes with the sha256 %s were spooled, but %d bytes with %s were uploaded; the next "+
			"attempt writes the file again",
			o.key, written.Size, written.SHA256, info.Size, info.SHA256)
	}
	o.sink.note(written)
	return nil
}

// Abort discards the file.
func (o *object) Abort() { o.release() }

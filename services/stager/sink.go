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

// oneRequest is how large a file is uploaded in one request; a larger one is streamed from the spool.
const oneRequest = 8 << 20

// sink writes an attempt's files into the lake and remembers what it wrote. Its memory is bounded, however large they are.
type sink struct {
	store                 lake.Store
	dataset, run, attempt string
	spool                 spool

	mu      sync.Mutex
	written map[string]events.Object // by key
}

// newSink makes the sink of an attempt. close ends it.
func newSink(store lake.Store, dataset, run, attempt, temporary string) *sink {
	return &sink{store: store, dataset: dataset, run: run, attempt: attempt, spool: spool{folder: temporary}, written: map[string]events.Object{}}
}

// close removes what the sink holds on disk.
func (s *sink) close() { s.spool.close() }

// key is where an output lies.
func (s *sink) key(o engine.Output) string {
	if o.Quarantine {
		return lake.QuarantineKey(s.dataset, s.run, s.attempt)
	}
	return lake.StagingKey(s.dataset, s.run, s.attempt, o.Partition)
}

// Create implements engine.Sink. A file is spooled until it is committed, and then uploaded create-only: nobody sees it
// before it is whole.
func (s *sink) Create(_ context.Context, o engine.Output) (engine.File, error) {
	return &object{content: s.spool.create(), sink: s, key: s.key(o), digest: sha256.New()}, nil
}

// object names what was written for an output.
func (s *sink) object(o engine.Output) (events.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	object, ok := s.written[s.key(o)]
	if !ok {
		return object, fmt.Errorf("list candidate: the engine names %s but has not committed it; this is a fault of the engine", s.key(o))
	}
	return object, nil
}

// put creates an object. The key holds the attempt's id, so what else may be under it is no earlier try of this one:
// the error stands, and the next try is another attempt.
func (s *sink) put(ctx context.Context, key string, body []byte) (events.Object, error) {
	info, _, err := s.store.PutIfAbsent(ctx, key, body)
	if err != nil {
		return events.Object{}, err
	}
	return s.note(events.Object{Key: key, VersionID: info.VersionID, Size: int64(len(body)), SHA256: lake.SHA256(body)}), nil
}

// note remembers what was written.
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
	digest hash.Hash // of what was written
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
			return fmt.Errorf("write %s: read it from the spool: %w", o.key, err)
		}
		info, _, err = o.sink.store.PutIfAbsent(ctx, o.key, body)
	}
	if err != nil {
		return err
	}
	written := events.Object{Key: o.key, VersionID: info.VersionID, Size: o.size, SHA256: hex.EncodeToString(o.digest.Sum(nil))}
	if info.Size != written.Size || info.SHA256 != written.SHA256 { // the disk gave back something else than it was given
		return fmt.Errorf("write %s: %d bytes with the sha256 %s were written, %d with %s uploaded; the next attempt spools them again", o.key, written.Size, written.SHA256, info.Size, info.SHA256)
	}
	o.sink.note(written)
	return nil
}

// Abort forgets the file.
func (o *object) Abort() { o.release() }

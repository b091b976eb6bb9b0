package stager

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/services/stager/engine"
)

// sink writes an attempt's files into the lake and remembers what it wrote.
type sink struct {
	store                 lake.Store
	dataset, run, attempt string

	mu      sync.Mutex
	written map[string]events.Object // by key
}

// key is where an output lies.
func (s *sink) key(o engine.Output) string {
	if o.Quarantine {
		return lake.QuarantineKey(s.dataset, s.run, s.attempt)
	}
	return lake.StagingKey(s.dataset, s.run, s.attempt, o.Partition)
}

// Create implements engine.Sink. A file is held in memory until it is committed: create-only, in one request.
func (s *sink) Create(_ context.Context, o engine.Output) (engine.File, error) {
	return &object{sink: s, key: s.key(o)}, nil
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
	written := events.Object{Key: key, VersionID: info.VersionID, Size: int64(len(body)), SHA256: lake.SHA256(body)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written[key] = written
	return written, nil
}

// object is one file being written.
type object struct {
	bytes.Buffer
	sink *sink
	key  string
}

func (o *object) Commit(ctx context.Context) error {
	_, err := o.sink.put(ctx, o.key, o.Bytes())
	return err
}

func (o *object) Abort() { o.Reset() }

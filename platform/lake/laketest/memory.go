// Package laketest provides a Store in memory for tests, and the conformance suite that every Store must pass.
package laketest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/llac-project/llac/platform/lake"
)

// Memory is a Store in memory that keeps versions, like a versioned bucket.
type Memory struct {
	// Before, if set, is called before each operation ("get", "put", "delete", "list"); its error is the operation's result.
	Before func(op, key string) error
	// Now is the time of new objects; the default is a fixed time.
	Now func() time.Time

	mu      sync.Mutex
	objects map[string][]version
	serial  int
}

type version struct {
	body []byte
	info lake.Info
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{objects: map[string][]version{}} }

var _ lake.Store = (*Memory)(nil)

func (m *Memory) before(ctx context.Context, op, key string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: %s %s: %w", op, key, err)
	}
	if m.Before == nil {
		return nil
	}
	return m.Before(op, key)
}

func (m *Memory) latest(key string) (version, bool) {
	v := m.objects[key]
	if len(v) == 0 {
		return version{}, false
	}
	return v[len(v)-1], true
}

// Get implements lake.Store.
func (m *Memory) Get(ctx context.Context, key string) ([]byte, lake.Info, error) {
	if err := m.before(ctx, "get", key); err != nil {
		return nil, lake.Info{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.latest(key)
	if !ok {
		return nil, lake.Info{}, fmt.Errorf("memory: read %s: %w", key, lake.ErrNotFound)
	}
	info := v.info
	info.Size, info.SHA256 = int64(len(v.body)), lake.SHA256(v.body) // of the current bytes, even if corrupted
	return bytes.Clone(v.body), info, nil
}

// Open implements lake.Store.
func (m *Memory) Open(ctx context.Context, key string) (io.ReadCloser, lake.Info, error) {
	b, info, err := m.Get(ctx, key)
	if err != nil {
		return nil, lake.Info{}, err
	}
	return io.NopCloser(bytes.NewReader(b)), info, nil
}

func (m *Memory) write(key string, body []byte, options []lake.PutOption) lake.Info {
	m.serial++
	var o lake.PutOptions
	for _, f := range options {
		f(&o)
	}
	now := time.Date(2025, 8, 3, 14, 5, 12, 0, time.UTC)
	if m.Now != nil {
		now = m.Now()
	}
	info := lake.Info{
		Key: key, VersionID: fmt.Sprintf("v%d", m.serial), Size: int64(len(body)), SHA256: lake.SHA256(body),
		ETag: fmt.Sprintf("%q", lake.SHA256(body)[:32]+fmt.Sprint(m.serial)), Modified: now, Metadata: o.Metadata,
	}
	m.objects[key] = append(m.objects[key], version{bytes.Clone(body), info})
	return info
}

// Put implements lake.Store.
func (m *Memory) Put(ctx context.Context, key string, body []byte, options ...lake.PutOption) (lake.Info, error) {
	if err := m.before(ctx, "put", key); err != nil {
		return lake.Info{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.write(key, body, options), nil
}

// PutIfAbsent implements lake.Store.
func (m *Memory) PutIfAbsent(ctx context.Context, key string, body []byte, options ...lake.PutOption) (lake.Info, lake.Outcome, error) {
	if err := m.before(ctx, "put", key); err != nil {
		return lake.Info{}, 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.latest(key); ok {
		if bytes.Equal(v.body, body) {
			return v.info, lake.AlreadyMine, nil
		}
		return v.info, 0, fmt.Errorf("memory: create %s: %w", key, lake.ErrExists)
	}
	return m.write(key, body, options), lake.Created, nil
}

// PutStream implements lake.Store.
func (m *Memory) PutStream(ctx context.Context, key string, body io.Reader, options ...lake.PutOption) (lake.Info, error) {
	b, err := io.ReadAll(body)
	if err != nil {
		return lake.Info{}, err
	}
	info, _, err := m.PutIfAbsent(ctx, key, b, options...)
	return info, err
}

// CompareAndSwap implements lake.Store.
func (m *Memory) CompareAndSwap(ctx context.Context, key string, body []byte, etag string, options ...lake.PutOption) (lake.Info, error) {
	if err := m.before(ctx, "put", key); err != nil {
		return lake.Info{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.latest(key)
	if ok && bytes.Equal(v.body, body) {
		return v.info, nil
	}
	if ok != (etag != "") || ok && v.info.ETag != etag {
		return v.info, fmt.Errorf("memory: swap %s: %w", key, lake.ErrChanged)
	}
	return m.write(key, body, options), nil
}

// List implements lake.Store.
func (m *Memory) List(ctx context.Context, prefix string, yield func(lake.Info) bool) error {
	if err := m.before(ctx, "list", prefix); err != nil {
		return err
	}
	m.mu.Lock()
	var found []lake.Info
	for key := range m.objects {
		if v, ok := m.latest(key); ok && strings.HasPrefix(key, prefix) {
			found = append(found, v.info)
		}
	}
	m.mu.Unlock()
	slices.SortFunc(found, func(a, b lake.Info) int { return strings.Compare(a.Key, b.Key) })
	for _, i := range found {
		if !yield(i) {
			return nil
		}
	}
	return nil
}

// Delete implements lake.Store. An empty versionID removes every version.
func (m *Memory) Delete(ctx context.Context, key, versionID string) error {
	if err := m.before(ctx, "delete", key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if versionID == "" {
		delete(m.objects, key)
		return nil
	}
	m.objects[key] = slices.DeleteFunc(m.objects[key], func(v version) bool { return v.info.VersionID == versionID })
	return nil
}

// Keys returns every key, sorted.
func (m *Memory) Keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for k := range m.objects {
		if _, ok := m.latest(k); ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// Snapshot returns a copy of the latest bytes of every key.
func (m *Memory) Snapshot() map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string][]byte{}
	for k := range maps.Keys(m.objects) {
		if v, ok := m.latest(k); ok {
			out[k] = bytes.Clone(v.body)
		}
	}
	return out
}

// Corrupt replaces the latest bytes of a key without changing its version or digest.
func (m *Memory) Corrupt(key string, body []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.objects[key]
	v[len(v)-1].body = bytes.Clone(body)
}

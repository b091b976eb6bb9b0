package lake

import (
	"context"
	"io"
	"sync/atomic"
)

// Usage counts the requests that S3 bills. Several goroutines may add to it at once.
type Usage struct {
	Gets, Puts, Lists, Deletes atomic.Int64
	BytesRead, BytesWritten    atomic.Int64
}

type usageKey struct{}

// WithUsage returns a context whose requests to counted stores are added to u.
func WithUsage(ctx context.Context, u *Usage) context.Context {
	return context.WithValue(ctx, usageKey{}, u)
}

// Counted decorates a store: the requests that the S3 store sends for each call are added to the Usage of its context, if there
// is one. They count whatever their outcome, and once, also where the store retries them.
func Counted(s Store) Store { return counted{s} }

type counted struct{ store Store }

// usageOf returns the Usage of a context, or one that is thrown away.
func usageOf(ctx context.Context) *Usage {
	if u, ok := ctx.Value(usageKey{}).(*Usage); ok {
		return u
	}
	return new(Usage)
}

// Get implements Store.
func (c counted) Get(ctx context.Context, key string) ([]byte, Info, error) {
	u := usageOf(ctx)
	u.Gets.Add(1)
	body, info, err := c.store.Get(ctx, key)
	u.BytesRead.Add(int64(len(body)))
	return body, info, err
}

// Open implements Store. It counts the object's size as read, even if the caller closes it early.
func (c counted) Open(ctx context.Context, key string) (io.ReadCloser, Info, error) {
	u := usageOf(ctx)
	u.Gets.Add(1)
	body, info, err := c.store.Open(ctx, key)
	u.BytesRead.Add(info.Size)
	return body, info, err
}

// Put implements Store.
func (c counted) Put(ctx context.Context, key string, body []byte, options ...PutOption) (Info, error) {
	usageOf(ctx).put(int64(len(body)))
	return c.store.Put(ctx, key, body, options...)
}

// PutIfAbsent implements Store.
func (c counted) PutIfAbsent(ctx context.Context, key string, body []byte, options ...PutOption) (Info, Outcome, error) {
	usageOf(ctx).put(int64(len(body)))
	return c.store.PutIfAbsent(ctx, key, body, options...)
}

// PutStream implements Store. It counts every part of an upload, and the requests that start and complete it.
func (c counted) PutStream(ctx context.Context, key string, body io.Reader, options ...PutOption) (Info, error) {
	read := &countedReader{Reader: body}
	info, err := c.store.PutStream(ctx, key, read, options...)
	u := usageOf(ctx)
	u.put(read.n)
	if read.n >= PartSize {
		u.Puts.Add((read.n+PartSize-1)/PartSize + 1)
	}
	return info, err
}

// countedReader counts the bytes that are read from a reader.
type countedReader struct {
	io.Reader
	n int64
}

// Read implements io.Reader.
func (r *countedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += int64(n)
	return n, err
}

// CompareAndSwap implements Store.
func (c counted) CompareAndSwap(ctx context.Context, key string, body []byte, etag string, options ...PutOption) (Info, error) {
	usageOf(ctx).put(int64(len(body)))
	return c.store.CompareAndSwap(ctx, key, body, etag, options...)
}

// List implements Store. It counts one request per ListPage keys.
func (c counted) List(ctx context.Context, prefix string, yield func(Info) bool) error {
	u := usageOf(ctx)
	u.Lists.Add(1)
	keys := 0
	return c.store.List(ctx, prefix, func(i Info) bool {
		if keys++; keys > 1 && keys%ListPage == 1 {
			u.Lists.Add(1)
		}
		return yield(i)
	})
}

// Delete implements Store.
func (c counted) Delete(ctx context.Context, key, versionID string) error {
	usageOf(ctx).Deletes.Add(1)
	return c.store.Delete(ctx, key, versionID)
}

func (u *Usage) put(size int64) {
	u.Puts.Add(1)
	u.BytesWritten.Add(size)
}

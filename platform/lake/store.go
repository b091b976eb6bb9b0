package lake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/llac-project/llac/events"
)

// Store is one bucket of an object store with the semantics of S3.
//
// Calls are retried inside on 409, 5xx, throttling and broken connections. Errors name the operation and key.
type Store interface {
	// Get reads a whole object. ErrNotFound also stands for S3's 403 on a key that may be missing.
	Get(ctx context.Context, key string) ([]byte, Info, error)
	// Open streams an object; the caller closes it.
	Open(ctx context.Context, key string) (io.ReadCloser, Info, error)
	// Put writes an object whatever is there. Only for keys that nobody else writes.
	Put(ctx context.Context, key string, body []byte, options ...PutOption) (Info, error)
	// PutIfAbsent writes an object that must not exist. Created: it is ours. AlreadyMine: the very same bytes
	// are there (a retried put meets its own write). Otherwise ErrExists, with the Info of what is there.
	PutIfAbsent(ctx context.Context, key string, body []byte, options ...PutOption) (Info, Outcome, error)
	// PutStream writes a large object from a reader, in parts, create-only. Nothing is visible before the end.
	PutStream(ctx context.Context, key string, body io.Reader, options ...PutOption) (Info, error)
	// CompareAndSwap replaces an object whose ETag is etag, or creates it when etag is "". ErrChanged: it is
	// another version now (or exists, or is gone). A lost answer is resolved by reading back.
	CompareAndSwap(ctx context.Context, key string, body []byte, etag string, options ...PutOption) (Info, error)
	// List calls yield for each object under prefix in key order, until it answers false. Only tools, sweeps
	// and tests list; no stage does.
	List(ctx context.Context, prefix string, yield func(Info) bool) error
	// Delete removes exactly the version named (versionID "" on a store without versioning). A missing
	// object is no error.
	Delete(ctx context.Context, key, versionID string) error
}

// Info describes a stored object.
type Info struct {
	Key       string
	VersionID string // empty on a store without versioning
	Size      int64
	ETag      string // opaque, with its quotes
	SHA256    string // of the bytes, where the call saw them all; else empty
	Modified  time.Time
	Metadata  map[string]string
}

// Object is the reference to the object by which manifests and events name it.
func (i Info) Object() events.Object {
	return events.Object{Key: i.Key, VersionID: i.VersionID, Size: i.Size, SHA256: i.SHA256}
}

// Outcome says how a PutIfAbsent ended.
type Outcome int

// The outcomes of PutIfAbsent.
const (
	Created     Outcome = iota + 1 // written by this call
	AlreadyMine                    // the same bytes were there
)

// PutOption adds to an object what travels beside its bytes.
type PutOption func(*PutOptions)

// PutOptions are the collected options of a put.
type PutOptions struct {
	ContentType string
	Metadata    map[string]string
}

// Metadata sets user metadata (lower-case ASCII keys).
func Metadata(m map[string]string) PutOption { return func(o *PutOptions) { o.Metadata = m } }

// The errors of a Store.
var (
	ErrNotFound = errors.New("object not found, or this role may not read it (S3 answers both alike)")
	ErrExists   = errors.New("object exists with other content")
	ErrChanged  = errors.New("object was changed by somebody else")
)

// IntegrityError says that an object is not the one that was written: somebody changed the lake by hand, or
// bytes were lost. It is permanent.
type IntegrityError struct {
	Object events.Object
	Got    string
}

func (e *IntegrityError) Error() string {
	return fmt.Sprintf("integrity: %s is not what was written (want %d bytes, sha256 %s; got %s); do not publish from it, replay the run from its source",
		e.Object.Key, e.Object.Size, e.Object.SHA256, e.Got)
}

// Permanent marks the error for the runtime.
func (e *IntegrityError) Permanent() bool { return true }

// SHA256 is the lower-case hex digest of b.
func SHA256(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// Read reads exactly the object named: it checks size and sha256, and answers an *IntegrityError if they differ.
func Read(ctx context.Context, s Store, o events.Object) ([]byte, error) {
	b, err := ReadInto(ctx, s, o, nil)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// readTries is how often an object is read from its beginning when the connection breaks within its bytes.
const readTries = 3

// ReadInto is Read into a buffer that is used again: what into holds is overwritten, and the answer lies in it or, where
// it is too small, in a larger one. With an error the buffer comes back empty.
func ReadInto(ctx context.Context, s Store, o events.Object, into []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for try := 1; ; try++ {
		body, info, err := s.Open(ctx, o.Key)
		if err != nil {
			return into[:0], err
		}
		buffer := bytes.NewBuffer(into[:0])
		if info.Size == o.Size { // another size is not trusted with memory: the bytes will show
			buffer.Grow(int(o.Size) + bytes.MinRead)
		}
		_, err = buffer.ReadFrom(body)
		body.Close()
		into = buffer.Bytes()
		if err == nil {
			break
		}
		if try == readTries || ctx.Err() != nil {
			return into[:0], fmt.Errorf("read %s: %w", o.Key, err)
		}
	}
	if got := SHA256(into); int64(len(into)) != o.Size || got != o.SHA256 {
		return into[:0], &IntegrityError{Object: o, Got: fmt.Sprintf("%d bytes, sha256 %s", len(into), got)}
	}
	return into, nil
}

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
// Implementations retry a call on 409, 5xx, throttling and broken connections. Errors name the operation and the key.
type Store interface {
	// Get returns a whole object. For a role without ListBucket, S3 returns 403 for a missing key; Get then
	// returns ErrNotFound.
	Get(ctx context.Context, key string) ([]byte, Info, error)
	// Open returns an object as a stream, which the caller closes.
	Open(ctx context.Context, key string) (io.ReadCloser, Info, error)
	// Put writes an object and replaces what was there. Only for keys with a single writer.
	Put(ctx context.Context, key string, body []byte, options ...PutOption) (Info, error)
	// PutIfAbsent creates an object. The outcome is Created, or AlreadyMine if the same bytes exist already, as after a
	// retried put. Otherwise it returns ErrExists with the Info of the existing object.
	PutIfAbsent(ctx context.Context, key string, body []byte, options ...PutOption) (Info, Outcome, error)
	// PutStream creates a large object from a reader, in parts. The object becomes visible when it is complete.
	// If the key exists, the same bytes succeed and other bytes return ErrExists.
	PutStream(ctx context.Context, key string, body io.Reader, options ...PutOption) (Info, error)
	// CompareAndSwap replaces an object whose ETag is etag, or creates it if etag is "". It returns ErrChanged if the
	// object has another version now, exists already, or was deleted. If the response is lost it reads the object back.
	CompareAndSwap(ctx context.Context, key string, body []byte, etag string, options ...PutOption) (Info, error)
	// List calls yield for each object under prefix, in key order, until yield returns false. Only tools, sweeps and tests
	// list; no stage does.
	List(ctx context.Context, prefix string, yield func(Info) bool) error
	// Delete removes exactly this version (versionID "" on a store without versioning). A missing object is not an error.
	Delete(ctx context.Context, key, versionID string) error
}

// Info describes a stored object.
type Info struct {
	Key       string
	VersionID string // empty on a store without versioning
	Size      int64
	ETag      string // opaque, with its quotes
	SHA256    string // of the bytes; empty if the call did not read all of them
	Modified  time.Time
	Metadata  map[string]string
}

// Object returns the reference by which manifests and events name the object.
func (i Info) Object() events.Object {
	return events.Object{Key: i.Key, VersionID: i.VersionID, Size: i.Size, SHA256: i.SHA256}
}

// Outcome is the result of a successful PutIfAbsent.
type Outcome int

// The outcomes of PutIfAbsent.
const (
	Created     Outcome = iota + 1 // written by this call
	AlreadyMine                    // the same bytes existed already
)

// PutOption sets what is stored with an object besides its bytes.
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
	ErrNotFound = errors.New("object not found, or this role may not read it (S3 does not distinguish the two)")
	ErrExists   = errors.New("object exists with other content")
	ErrChanged  = errors.New("object was changed by another writer")
)

// IntegrityError reports that an object is not the one that was written: it was changed by hand or damaged. It is permanent.
type IntegrityError struct {
	Object events.Object
	Got    string
}

func (e *IntegrityError) Error() string {
	return fmt.Sprintf(
		"integrity: %s is not the object that was written (want %d bytes, sha256 %s; got %s); do not publish from it; "+
			"run the dataset again",
		e.Object.Key,
		e.Object.Size,
		e.Object.SHA256,
		e.Got,
	)
}

// Permanent marks the error for the runtime.
func (e *IntegrityError) Permanent() bool { return true }

// SHA256 returns the lower-case hex digest of b.
func SHA256(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// Read returns exactly the object named. It checks size and sha256 and returns an *IntegrityError if they differ.
func Read(ctx context.Context, s Store, o events.Object) ([]byte, error) {
	b, err := ReadInto(ctx, s, o, nil)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// readTries is the maximum number of times that an object is read from its start if the connection breaks within its bytes.
const readTries = 3

// ReadInto is Read into a reused buffer. It overwrites into and returns the bytes in it or, if it is too small, in a larger
// one. With an error it returns the buffer empty.
func ReadInto(ctx context.Context, s Store, o events.Object, into []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for try := 1; ; try++ {
		body, info, err := s.Open(ctx, o.Key)
		if err != nil {
			return into[:0], err
		}
		buffer := bytes.NewBuffer(into[:0])
		if info.Size == o.Size { // another size means another object: allocate nothing for it
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

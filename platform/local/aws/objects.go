package aws

import (
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/johannesboyne/gofakes3"

	"github.com/llac-project/llac/platform/clock"
)

// The internal folders of the lake. No bucket can have such a name.
const (
	metaFolder    = ".meta"    // digests and headers of objects
	tempFolder    = ".temp"    // objects being written
	uploadsFolder = ".uploads" // multipart uploads
)

// objects stores S3 objects as plain files: <root>/<bucket>/<key>. It is the backend of gofakes3's protocol.
//
// An object is written to a temporary file, synced, and renamed to its path. Its file is therefore always complete and never
// changes: an overwrite is a new file of the same name. Conditions are checked while the key is locked.
type objects struct {
	root    string
	clock   clock.Clock
	locks   [256]sync.Mutex // by hash of bucket and key
	stamps  sync.Mutex
	lastPut int64 // last modification time assigned, in Unix nanoseconds; each put gets a distinct one

	uploads sync.Mutex // guards the start and end of multipart uploads
}

// openObjects opens the lake in root and deletes files that a crash left incomplete.
func openObjects(root string, c clock.Clock) (*objects, error) {
	o := &objects{root: root, clock: c}
	if err := os.RemoveAll(filepath.Join(root, tempFolder)); err != nil {
		return nil, fmt.Errorf("local cloud: clear unfinished objects: %w", err)
	}
	for _, f := range []string{metaFolder, tempFolder, uploadsFolder} {
		if err := os.MkdirAll(filepath.Join(root, f), 0o755); err != nil {
			return nil, fmt.Errorf("local cloud: make lake folder: %w", err)
		}
	}
	return o, nil
}

// path returns the file of a key. Keys that are not file names are refused: "a//b", "../a", "a/" and the like.
func (o *objects) path(bucket, key string) (string, error) {
	for _, part := range strings.Split(key, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsRune(part, 0) || strings.ContainsRune(part, filepath.Separator) {
			return "", gofakes3.ErrorMessagef(gofakes3.ErrInvalidArgument,
				"the key %q is not a file name: the local lake supports no empty, '.' or '..' path elements", key)
		}
		if len(part) > 255 {
			return "", gofakes3.ResourceError(gofakes3.ErrKeyTooLong, key)
		}
	}
	return filepath.Join(o.root, bucket, filepath.FromSlash(key)), nil
}

// lock locks the key and returns the function that unlocks it.
func (o *objects) lock(bucket, key string) func() {
	var h byte
	for _, s := range [...]string{bucket, key} {
		for i := range len(s) {
			h = h*31 + s[i]
		}
	}
	m := &o.locks[h]
	m.Lock()
	return m.Unlock
}

// ensureBucket creates a bucket if it is missing.
func (o *objects) ensureBucket(name string) error {
	err := o.CreateBucket(name)
	if gofakes3.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// CreateBucket implements gofakes3.Backend.
func (o *objects) CreateBucket(name string) error {
	if err := gofakes3.ValidateBucketName(name); err != nil {
		return err
	}
	err := os.Mkdir(filepath.Join(o.root, name), 0o755)
	if errors.Is(err, fs.ErrExist) {
		return gofakes3.ResourceError(gofakes3.ErrBucketAlreadyExists, name)
	}
	if err == nil {
		err = syncDir(o.root)
	}
	return err
}

// BucketExists implements gofakes3.Backend.
func (o *objects) BucketExists(name string) (bool, error) {
	if gofakes3.ValidateBucketName(name) != nil {
		return false, nil
	}
	info, err := os.Stat(filepath.Join(o.root, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.IsDir(), err
}

// needBucket returns an error if the bucket does not exist.
func (o *objects) needBucket(name string) error {
	ok, err := o.BucketExists(name)
	if err == nil && !ok {
		err = gofakes3.BucketNotFound(name)
	}
	return err
}

// draft is an object that is being written: a temporary file and its digest.
type draft struct {
	file *os.File
	sum  hash.Hash // MD5
	size int64
}

// newDraft copies a body into a temporary file. The caller must discard the draft, also after a commit.
func (o *objects) newDraft(body io.Reader) (*draft, error) {
	f, err := os.CreateTemp(filepath.Join(o.root, tempFolder), "put-*")
	if err != nil {
		return nil, err
	}
	d := &draft{file: f, sum: md5.New()}
	d.size, err = io.Copy(io.MultiWriter(f, d.sum), body)
	if err != nil {
		d.discard()
		return nil, err
	}
	return d, nil
}

func (d *draft) discard() {
	_ = d.file.Close()
	_ = os.Remove(d.file.Name()) // a commit has renamed it
}

// commit replaces the object by a draft, if the conditions hold. Invariant 2: readers see the old object or the new one.
func (o *objects) commit(
	bucket, key string, d *draft, headers map[string]string, conditions *gofakes3.PutConditions,
) (*metadata, error) {
	path, err := o.path(bucket, key)
	if err != nil {
		return nil, err
	}
	if err := d.file.Chmod(0o644); err != nil {
		return nil, err
	}
	defer o.lock(bucket, key)()
	if conditions != nil {
		present, err := o.stat(bucket, key)
		if err != nil && !gofakes3.HasErrorCode(err, gofakes3.ErrNoSuchKey) {
			return nil, err
		}
		if err := checkConditions(conditions, key, present); err != nil {
			return nil, err
		}
	}
	modified := o.stamp()
	if err := os.Chtimes(d.file.Name(), modified, modified); err != nil {
		return nil, err
	}
	m := &metadata{Size: d.size, Modified: modified, MD5: d.sum.Sum(nil), Headers: keptHeaders(headers)}
	// The metadata is saved first, together with that of the old object. The file's size and time select the one that applies,
	// so that a crash before the rename leaves the old object with its old metadata.
	synced := make(chan error, 1)
	go func() { synced <- d.file.Sync() }() // concurrently: the file system syncs both together
	err = o.saveMetadata(bucket, key, m)
	if err := errors.Join(err, <-synced); err != nil {
		return nil, err
	}
	if err := o.place(d.file.Name(), path, bucket); err != nil {
		return nil, err
	}
	return m, nil
}

// place renames a synced file to its path and creates folders as needed. A delete may remove an empty folder at any time.
func (o *objects) place(from, path, bucket string) error {
	dir := filepath.Dir(path)
	for try := 0; ; try++ {
		if err := o.needBucket(bucket); err != nil {
			return err
		}
		made, err := makeFolders(dir)
		if err == nil {
			err = os.Rename(from, path)
		}
		switch {
		case err == nil:
			return syncDirs(append(made, dir))
		case errors.Is(err, fs.ErrNotExist) && try < 100:
			continue
		case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENOTEMPTY),
			errors.Is(err, fs.ErrExist):
			return gofakes3.ErrorMessage(gofakes3.ErrInvalidArgument,
				"in the local lake, a key cannot be both an object and a folder of other objects")
		}
		return err
	}
}

// makeFolders creates dir and its missing parents. It returns the folders whose entries changed.
func makeFolders(dir string) (changed []string, err error) {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return nil, syscall.ENOTDIR
		}
		return nil, nil
	}
	parent := filepath.Dir(dir)
	if changed, err = makeFolders(parent); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return append(changed, parent), nil
}

// stamp returns a modification time that no other object has.
func (o *objects) stamp() time.Time {
	o.stamps.Lock()
	defer o.stamps.Unlock()
	o.lastPut = max(o.clock.Now().UnixNano(), o.lastPut+1)
	return time.Unix(0, o.lastPut).UTC()
}

// checkConditions returns an error if a condition of a write does not hold. present is nil if the object does not exist.
func checkConditions(c *gofakes3.PutConditions, key string, present *metadata) error {
	if c.IfNoneMatch != nil {
		if *c.IfNoneMatch != "*" {
			return gofakes3.ErrorMessage(gofakes3.ErrNotImplemented, "the local cloud supports If-None-Match of a write with * only")
		}
		if present != nil {
			return gofakes3.ErrorMessage(gofakes3.ErrPreconditionFailed, gofakes3.ErrPreconditionFailed.Message())
		}
	}
	if c.IfMatch != nil {
		if present == nil {
			return gofakes3.KeyNotFound(key)
		}
		if *c.IfMatch != "*" && strings.Trim(*c.IfMatch, `"`) != strings.Trim(present.etag(), `"`) {
			return gofakes3.ErrorMessage(gofakes3.ErrPreconditionFailed, gofakes3.ErrPreconditionFailed.Message())
		}
	}
	return nil
}

// PutObject implements gofakes3.Backend. The body is received before the key is locked.
func (o *objects) PutObject(
	bucket, key string, headers map[string]string, body io.Reader, size int64, conditions *gofakes3.PutConditions,
) (gofakes3.PutObjectResult, error) {
	checked, err := newChecksumReader(body, headers)
	if err != nil {
		return gofakes3.PutObjectResult{}, err
	}
	d, err := o.newDraft(checked)
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = gofakes3.ErrIncompleteBody
		}
		return gofakes3.PutObjectResult{}, err
	}
	defer d.discard()
	if d.size != size {
		return gofakes3.PutObjectResult{}, gofakes3.ErrIncompleteBody
	}
	_, err = o.commit(bucket, key, d, headers, conditions)
	return gofakes3.PutObjectResult{}, err
}

// open opens an object and returns the metadata of exactly these bytes.
func (o *objects) open(bucket, key string) (*os.File, *metadata, error) {
	path, err := o.path(bucket, key)
	if err != nil {
		return nil, nil, gofakes3.KeyNotFound(key) // such a key was never written
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil, gofakes3.KeyNotFound(key)
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = gofakes3.KeyNotFound(key)
	}
	var m *metadata
	if err == nil {
		m, err = o.metadataOf(bucket, key, f, info)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, m, nil
}

// stat returns an object's metadata.
func (o *objects) stat(bucket, key string) (*metadata, error) {
	f, m, err := o.open(bucket, key)
	if err != nil {
		return nil, err
	}
	return m, f.Close()
}

// GetObject implements gofakes3.Backend.
func (o *objects) GetObject(bucket, key string, wanted *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	f, m, err := o.open(bucket, key)
	if err != nil {
		return nil, err
	}
	part, err := wanted.Range(m.Size)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	object := &gofakes3.Object{Name: key, Metadata: m.shown(part == nil), Size: m.Size, Hash: m.MD5, Range: part, Contents: f}
	if part != nil {
		object.Contents = struct {
			io.Reader
			io.Closer
		}{io.NewSectionReader(f, part.Start, part.Length), f}
	}
	return object, nil
}

// HeadObject implements gofakes3.Backend.
func (o *objects) HeadObject(bucket, key string) (*gofakes3.Object, error) {
	m, err := o.stat(bucket, key)
	if err != nil {
		return nil, err
	}
	none := io.NopCloser(strings.NewReader(""))
	return &gofakes3.Object{Name: key, Metadata: m.shown(true), Size: m.Size, Hash: m.MD5, Contents: none}, nil
}

// DeleteObject implements gofakes3.Backend. Deleting a missing object is not an error.
func (o *objects) DeleteObject(bucket, key string) (gofakes3.ObjectDeleteResult, error) {
	var none gofakes3.ObjectDeleteResult
	path, err := o.path(bucket, key)
	if err != nil {
		return none, nil // such a key was never written
	}
	defer o.lock(bucket, key)()
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), err == nil && info.IsDir():
		return none, nil
	case err != nil:
		return none, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return none, err
	}
	if err := syncDir(filepath.Dir(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return none, err
	}
	_ = os.Remove(o.metadataPath(bucket, key)) // it has no meaning without the object
	// Folders are not objects: remove those that are empty now.
	for dir := filepath.Dir(path); dir != filepath.Join(o.root, bucket); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil {
			break
		}
	}
	return none, nil
}

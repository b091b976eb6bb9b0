package aws

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/johannesboyne/gofakes3"
)

// ListBucket implements gofakes3.Backend. It lists keys after page.Marker, in UTF-8 order, grouped by the delimiter.
func (o *objects) ListBucket(bucket string, prefix *gofakes3.Prefix, page gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	if err := o.needBucket(bucket); err != nil {
		return nil, err
	}
	l := &listing{objects: o, bucket: bucket, after: page.Marker, limit: int(page.MaxKeys), out: gofakes3.NewObjectList()}
	if prefix != nil {
		l.prefix, l.delimiter = prefix.Prefix, prefix.Delimiter
	}
	if l.limit <= 0 {
		l.limit = 1000
		if page.MaxKeys == 0 && !page.IsEmpty() {
			return l.out, nil
		}
	}
	if err := l.walk(""); err != nil && !errors.Is(err, errListed) {
		return nil, err
	}
	return l.out, nil
}

// errListed ends a walk whose page is full.
var errListed = errors.New("the page is full")

// listing is one page of a bucket's keys.
type listing struct {
	objects           *objects
	bucket            string
	prefix, delimiter string
	after             string // keys up to this one are left out
	limit             int
	out               *gofakes3.ObjectList
	last              string // the last key or common prefix listed
	rolled            string // the last common prefix listed; keys under it are left out
}

// walk lists the folder whose keys begin with at: "" or "a/b/".
func (l *listing) walk(at string) error {
	entries, err := os.ReadDir(filepath.Join(l.objects.root, l.bucket, filepath.FromSlash(at)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted while listing
	}
	if err != nil {
		return err
	}
	// A folder sorts like its keys: "a/" after "a-b".
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
		if e.IsDir() {
			names[i] += "/"
		}
	}
	sort.Strings(names)
	for _, name := range names {
		key := at + name
		if strings.HasSuffix(key, "/") {
			if l.relevant(key) {
				err = l.walk(key)
			}
		} else {
			err = l.add(key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// relevant reports whether a folder can contain keys to list.
func (l *listing) relevant(folder string) bool {
	if !strings.HasPrefix(folder, l.prefix) && !strings.HasPrefix(l.prefix, folder) {
		return false
	}
	if l.rolled != "" && strings.HasPrefix(folder, l.rolled) {
		return false
	}
	// Otherwise all of its keys come before the marker.
	return folder >= l.after || strings.HasPrefix(l.after, folder)
}

// add lists a key, or the common prefix that it belongs to.
func (l *listing) add(key string) error {
	if !strings.HasPrefix(key, l.prefix) || key <= l.after && l.after != "" {
		return nil
	}
	common := ""
	if l.delimiter != "" {
		if i := strings.Index(key[len(l.prefix):], l.delimiter); i >= 0 {
			common = key[:len(l.prefix)+i+len(l.delimiter)]
		}
	}
	if common != "" && (common == l.rolled || common == l.after) {
		return nil
	}
	if len(l.out.Contents)+len(l.out.CommonPrefixes) >= l.limit {
		l.out.IsTruncated, l.out.NextMarker = true, l.last
		return errListed
	}
	if common != "" {
		l.rolled, l.last = common, common
		l.out.AddPrefix(common)
		return nil
	}
	m, err := l.objects.stat(l.bucket, key)
	if gofakes3.HasErrorCode(err, gofakes3.ErrNoSuchKey) {
		return nil // deleted while listing
	}
	if err != nil {
		return err
	}
	l.last = key
	l.out.Add(&gofakes3.Content{Key: key, LastModified: gofakes3.NewContentTime(m.Modified), ETag: m.etag(), Size: m.Size})
	return nil
}

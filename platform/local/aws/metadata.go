package aws

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/johannesboyne/gofakes3"
)

// metadata is what S3 stores in addition to an object's bytes.
type metadata struct {
	Size     int64             `json:"size"`
	Modified time.Time         `json:"modified"` // also the file's modification time: size and time identify the bytes that it describes
	MD5      []byte            `json:"md5"`
	Headers  map[string]string `json:"headers,omitempty"` // canonical names
}

// metadataFile is the stored metadata of a key: the newest, and the previous one while it may still describe the object (see
// objects.commit).
type metadataFile struct {
	Key      string     `json:"key"`
	Versions []metadata `json:"versions"` // newest first, at most two
}

func (m *metadata) etag() string { return `"` + hex.EncodeToString(m.MD5) + `"` }

// describes reports whether the metadata belongs to the file.
func (m *metadata) describes(info fs.FileInfo) bool {
	return m.Size == info.Size() && m.Modified.Equal(info.ModTime())
}

// shown returns the response headers of the object. A part of it must not have a digest of the whole.
func (m *metadata) shown(whole bool) map[string]string {
	out := map[string]string{"Last-Modified": m.Modified.UTC().Format(http.TimeFormat)}
	for k, v := range m.Headers {
		if whole || !strings.HasPrefix(k, "X-Amz-Checksum-") {
			out[k] = v
		}
	}
	return out
}

// keptHeaders returns the headers of a request that belong to the object.
func keptHeaders(headers map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range headers {
		k = http.CanonicalHeaderKey(k)
		switch {
		case k == "Content-Encoding" && strings.Contains(v, "aws-chunked"):
			if v = strings.Trim(strings.ReplaceAll(v, "aws-chunked", ""), ", "); v != "" {
				out[k] = v
			}
		case k == "Content-Type", k == "Content-Disposition", k == "Content-Encoding", strings.HasPrefix(k, "X-Amz-Meta-"),
			checksums[k] != nil:
			out[k] = v
		}
	}
	return out
}

// metadataPath returns the file of a key's metadata. Its name is a digest, so that every key can have one.
func (o *objects) metadataPath(bucket, key string) string {
	sum := sha256.Sum256([]byte(key))
	name := hex.EncodeToString(sum[:])
	return filepath.Join(o.root, metaFolder, bucket, name[:2], name[2:]+".json")
}

// saveMetadata writes a key's new metadata and keeps that of the present object. The caller holds the key's lock.
func (o *objects) saveMetadata(bucket, key string, m *metadata) error {
	file := metadataFile{Key: key, Versions: []metadata{*m}}
	if path, err := o.path(bucket, key); err == nil {
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			if old := o.findMetadata(bucket, key, info); old != nil {
				file.Versions = append(file.Versions, *old)
			}
		}
	}
	b, err := json.Marshal(file)
	if err != nil {
		return fmt.Errorf("local cloud: metadata of %s: %w", key, err)
	}
	d, err := o.newDraft(bytes.NewReader(b))
	if err != nil {
		return err
	}
	defer d.discard()
	if err := d.file.Sync(); err != nil {
		return err
	}
	path := o.metadataPath(bucket, key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Rename(d.file.Name(), path)
}

// findMetadata returns the stored metadata that describes the file, or nil.
func (o *objects) findMetadata(bucket, key string, info fs.FileInfo) *metadata {
	b, err := os.ReadFile(o.metadataPath(bucket, key))
	if err != nil {
		return nil
	}
	var file metadataFile
	if json.Unmarshal(b, &file) != nil {
		return nil
	}
	for i := range file.Versions {
		if file.Versions[i].describes(info) {
			return &file.Versions[i]
		}
	}
	return nil
}

// metadataOf returns the metadata of an open file. A file that was added or changed by hand has none; its digest is computed.
func (o *objects) metadataOf(bucket, key string, f *os.File, info fs.FileInfo) (*metadata, error) {
	if m := o.findMetadata(bucket, key, info); m != nil {
		return m, nil
	}
	sum := md5.New()
	if _, err := io.Copy(sum, f); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return &metadata{Size: info.Size(), Modified: info.ModTime().UTC(), MD5: sum.Sum(nil)}, nil
}

// checksums are the digests that clients send as headers. They are verified, stored and returned.
var checksums = map[string]func() hash.Hash{
	"X-Amz-Checksum-Crc32":  func() hash.Hash { return crc32.NewIEEE() },
	"X-Amz-Checksum-Crc32c": func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"X-Amz-Checksum-Sha1":   sha1.New,
	"X-Amz-Checksum-Sha256": sha256.New,
}

// newChecksumReader returns a reader of the body that fails at the end if the client's digest differs.
func newChecksumReader(body io.Reader, headers map[string]string) (io.Reader, error) {
	for name, newHash := range checksums {
		if want := headers[name]; want != "" {
			if _, err := base64.StdEncoding.DecodeString(want); err != nil {
				return nil, gofakes3.ErrorMessagef(gofakes3.ErrInvalidDigest, "%s is not base64", name)
			}
			return &checksumReader{body: body, sum: newHash(), want: want, name: name}, nil
		}
	}
	return body, nil
}

type checksumReader struct {
	body       io.Reader
	sum        hash.Hash
	want, name string
}

// Read implements io.Reader.
func (r *checksumReader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	r.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && base64.StdEncoding.EncodeToString(r.sum.Sum(nil)) != r.want {
		return n, gofakes3.ErrorMessagef(gofakes3.ErrBadDigest, "The %s you specified did not match what was received.", r.name)
	}
	return n, err
}

package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/johannesboyne/gofakes3"
)

// minPart is the smallest part of a multipart upload other than the last, in bytes.
const minPart = 5 << 20

// upload is a multipart upload in progress: a folder with upload.json and two files per part: its bytes and its metadata.
type upload struct {
	ID      string            `json:"id"`
	Bucket  string            `json:"bucket"`
	Key     string            `json:"key"`
	Headers map[string]string `json:"headers"`
}

// uploadPart is one received part.
type uploadPart struct {
	Number int    `json:"number"`
	File   string `json:"file"` // name in the upload's folder
	ETag   string `json:"etag"`
	Size   int64  `json:"size"`
}

func (o *objects) uploadFolder(id string) string { return filepath.Join(o.root, uploadsFolder, id) }

// findUpload returns an upload in progress.
func (o *objects) findUpload(bucket, key string, id gofakes3.UploadID) (*upload, error) {
	missing := gofakes3.ErrorMessage(gofakes3.ErrNoSuchUpload,
		"The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.")
	if strings.ContainsAny(string(id), `/\.`) {
		return nil, missing
	}
	b, err := os.ReadFile(filepath.Join(o.uploadFolder(string(id)), "upload.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing
	}
	if err != nil {
		return nil, err
	}
	var u upload
	if err := json.Unmarshal(b, &u); err != nil {
		return nil, fmt.Errorf("local cloud: read upload %s: %w", id, err)
	}
	if u.Bucket != bucket || u.Key != key {
		return nil, missing
	}
	return &u, nil
}

// CreateMultipartUpload implements gofakes3.MultipartBackend.
func (o *objects) CreateMultipartUpload(bucket, key string, headers map[string]string) (gofakes3.UploadID, error) {
	if _, err := o.path(bucket, key); err != nil {
		return "", err
	}
	kept := keptHeaders(headers)
	maps.DeleteFunc(kept, func(k, _ string) bool { return checksums[k] != nil })
	u := upload{ID: strings.ReplaceAll(randomUUID(), "-", ""), Bucket: bucket, Key: key, Headers: kept}
	b, err := json.Marshal(u)
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(o.uploadFolder(u.ID), 0o755); err != nil {
		return "", err
	}
	return gofakes3.UploadID(u.ID), os.WriteFile(filepath.Join(o.uploadFolder(u.ID), "upload.json"), b, 0o644)
}

// UploadPart implements gofakes3.MultipartBackend. A part sent again replaces the earlier one.
func (o *objects) UploadPart(bucket, key string, id gofakes3.UploadID, number int, size int64, body io.Reader) (string, error) {
	if _, err := o.findUpload(bucket, key, id); err != nil {
		return "", err
	}
	d, err := o.newDraft(body)
	if err != nil {
		return "", err
	}
	defer d.discard()
	if d.size != size {
		return "", gofakes3.ErrIncompleteBody
	}
	if err := d.file.Sync(); err != nil {
		return "", err
	}
	etag := (&metadata{MD5: d.sum.Sum(nil)}).etag()
	part := uploadPart{Number: number, File: "part-" + strconv.Itoa(number) + "-" + strings.Trim(etag, `"`), ETag: etag, Size: d.size}
	b, err := json.Marshal(part)
	if err != nil {
		return "", err
	}
	o.uploads.Lock()
	defer o.uploads.Unlock()
	folder := o.uploadFolder(string(id))
	if err := os.Rename(d.file.Name(), filepath.Join(folder, part.File)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", gofakes3.ErrNoSuchUpload // it ended while the part was being received
		}
		return "", err
	}
	return etag, os.WriteFile(filepath.Join(folder, "part-"+strconv.Itoa(number)+".json"), b, 0o644)
}

// parts returns the received parts, sorted by number.
func (o *objects) parts(id string) ([]uploadPart, error) {
	files, err := filepath.Glob(filepath.Join(o.uploadFolder(id), "part-*.json"))
	if err != nil {
		return nil, err
	}
	var out []uploadPart
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var p uploadPart
		if err := json.Unmarshal(b, &p); err != nil {
			return nil, fmt.Errorf("local cloud: read part %s: %w", f, err)
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b uploadPart) int { return a.Number - b.Number })
	return out, nil
}

// complete joins the parts to the object, if the conditions hold. If they do not, the upload stays and may be completed or aborted
// later.
func (o *objects) complete(
	bucket, key string, id gofakes3.UploadID, wanted []gofakes3.CompletedPart, conditions *gofakes3.PutConditions,
) (*metadata, error) {
	u, err := o.findUpload(bucket, key, id)
	if err != nil {
		return nil, err
	}
	received, err := o.parts(u.ID)
	if err != nil {
		return nil, err
	}
	files, err := o.chosenParts(u.ID, received, wanted)
	if err != nil {
		return nil, err
	}
	readers := make([]io.Reader, len(files))
	for i, f := range files {
		readers[i] = &lazyFile{path: f}
	}
	d, err := o.newDraft(io.MultiReader(readers...))
	if err != nil {
		return nil, err
	}
	defer d.discard()
	m, err := o.commit(bucket, key, d, u.Headers, conditions)
	if err != nil {
		return nil, err
	}
	return m, o.endUpload(u.ID)
}

// chosenParts checks the client's list against the received parts and returns their files.
func (o *objects) chosenParts(id string, received []uploadPart, wanted []gofakes3.CompletedPart) ([]string, error) {
	if len(wanted) == 0 {
		return nil, failf("MalformedXML",
			"The XML you provided was not well-formed or did not validate against our published schema: it names no part")
	}
	byNumber := map[int]uploadPart{}
	for _, p := range received {
		byNumber[p.Number] = p
	}
	var files []string
	for i, w := range wanted {
		if i > 0 && w.PartNumber <= wanted[i-1].PartNumber {
			return nil, failf("InvalidPartOrder",
				"The list of parts was not in ascending order. The parts list must be specified in order by part number.")
		}
		p, ok := byNumber[w.PartNumber]
		if !ok || strings.Trim(w.ETag, `"`) != strings.Trim(p.ETag, `"`) {
			return nil, failf("InvalidPart", "One or more of the specified parts could not be found: part %d.", w.PartNumber)
		}
		if p.Size < minPart && i < len(wanted)-1 {
			return nil, failf("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size: part %d has %d bytes.",
				p.Number, p.Size)
		}
		files = append(files, filepath.Join(o.uploadFolder(id), p.File))
	}
	return files, nil
}

// lazyFile opens its file at the first read and closes it at the end.
type lazyFile struct {
	path string
	file *os.File
}

// Read implements io.Reader.
func (l *lazyFile) Read(p []byte) (int, error) {
	if l.file == nil {
		var err error
		if l.file, err = os.Open(l.path); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Read(p)
	if err != nil {
		_ = l.file.Close()
	}
	return n, err
}

func (o *objects) endUpload(id string) error {
	o.uploads.Lock()
	defer o.uploads.Unlock()
	return os.RemoveAll(o.uploadFolder(id))
}

// AbortMultipartUpload implements gofakes3.MultipartBackend.
func (o *objects) AbortMultipartUpload(bucket, key string, id gofakes3.UploadID) error {
	u, err := o.findUpload(bucket, key, id)
	if err != nil {
		return err
	}
	return o.endUpload(u.ID)
}

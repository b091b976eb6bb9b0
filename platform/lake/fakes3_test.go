package lake_test

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
)

// fakeS3 implements the part of S3 that the store uses: one bucket, conditional writes, multipart uploads, lists.
type fakeS3 struct {
	strict bool // 403 for a missing key

	mu      sync.Mutex
	objects map[string]fakeObject
	uploads map[string]map[int][]byte
	fault   func(*http.Request) laketest.Fault
	serial  int
}

type fakeObject struct {
	body   []byte
	etag   string
	header http.Header
	at     time.Time
}

const bucket = "lake"

// startS3 serves a fakeS3 and returns stores over it.
func startS3(t *testing.T, strict bool) laketest.Faulty {
	f := &fakeS3{strict: strict, objects: map[string]fakeObject{}, uploads: map[string]map[int][]byte{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	config := aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return time.Millisecond, nil })
			})
		},
	}
	return laketest.Faulty{
		Store: lake.NewS3(config, bucket, clock.System{}), NoBucket: lake.NewS3(config, "nowhere", clock.System{}),
		Set: func(decide func(*http.Request) laketest.Fault) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.fault = decide
		},
	}
}

func (f *fakeS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client disconnected
	}
	f.mu.Lock()
	decide := f.fault
	f.mu.Unlock()
	var fault laketest.Fault
	if decide != nil {
		fault = decide(r)
	}
	if fault.Status != 0 {
		refuse(w, fault.Status, fault.Code)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if fault.LoseResponse {
		f.serve(httptest.NewRecorder(), r, body)
		panic(http.ErrAbortHandler)
	}
	f.serve(w, r, body)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
}

func (f *fakeS3) serve(w http.ResponseWriter, r *http.Request, body []byte) {
	name, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := r.URL.Query()
	switch {
	case name != bucket:
		refuse(w, http.StatusNotFound, "NoSuchBucket")
	case r.Method == http.MethodGet && key == "":
		f.list(w, q.Get("prefix"), q.Get("continuation-token"))
	case r.Method == http.MethodGet:
		f.get(w, key)
	case r.Method == http.MethodPut && q.Has("uploadId"):
		part, _ := strconv.Atoi(q.Get("partNumber"))
		f.uploads[q.Get("uploadId")][part] = body
		w.Header().Set("ETag", etag(body))
	case r.Method == http.MethodPut:
		f.put(w, r, key, body)
	case r.Method == http.MethodPost && q.Has("uploads"):
		f.serial++
		id := fmt.Sprint("upload-", f.serial)
		f.uploads[id] = map[int][]byte{}
		fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
	case r.Method == http.MethodPost:
		f.complete(w, r, key, q.Get("uploadId"))
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		delete(f.uploads, q.Get("uploadId"))
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodDelete:
		delete(f.objects, key)
		w.WriteHeader(http.StatusNoContent)
	default:
		refuse(w, http.StatusNotImplemented, "NotImplemented")
	}
}

func (f *fakeS3) get(w http.ResponseWriter, key string) {
	o, ok := f.objects[key]
	switch {
	case !ok && f.strict:
		refuse(w, http.StatusForbidden, "AccessDenied")
	case !ok:
		refuse(w, http.StatusNotFound, "NoSuchKey")
	default:
		maps.Copy(w.Header(), o.header)
		w.Header().Set("ETag", o.etag)
		w.Header().Set("Last-Modified", o.at.UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Length", strconv.Itoa(len(o.body)))
		_, _ = w.Write(o.body)
	}
}

// allowed checks the conditions of a write.
func (f *fakeS3) allowed(w http.ResponseWriter, r *http.Request, key string) bool {
	o, there := f.objects[key]
	match := r.Header.Get("If-Match")
	switch {
	case match != "" && !there:
		refuse(w, http.StatusNotFound, "NoSuchKey")
	case match != "" && match != o.etag, r.Header.Get("If-None-Match") == "*" && there:
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
	default:
		return true
	}
	return false
}

func (f *fakeS3) put(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	if !f.allowed(w, r, key) {
		return
	}
	o := fakeObject{body: body, etag: etag(body), header: http.Header{}, at: time.Now()}
	for name, values := range r.Header {
		if strings.HasPrefix(name, "X-Amz-Meta-") {
			o.header[name] = values
		}
	}
	f.objects[key] = o
	w.Header().Set("ETag", o.etag)
}

func (f *fakeS3) complete(w http.ResponseWriter, r *http.Request, key, id string) {
	parts, ok := f.uploads[id]
	if !ok {
		refuse(w, http.StatusNotFound, "NoSuchUpload")
		return
	}
	if !f.allowed(w, r, key) {
		return
	}
	var body []byte
	for _, n := range slices.Sorted(maps.Keys(parts)) {
		body = append(body, parts[n]...)
	}
	delete(f.uploads, id)
	f.objects[key] = fakeObject{body: body, etag: etag(body), at: time.Now()}
	fmt.Fprintf(w, "<CompleteMultipartUploadResult><ETag>%s</ETag></CompleteMultipartUploadResult>", etag(body))
}

func (f *fakeS3) list(w http.ResponseWriter, prefix, after string) {
	type contents struct {
		Key, ETag, LastModified string
		Size                    int
	}
	var page struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []contents
	}
	for _, key := range slices.Sorted(maps.Keys(f.objects)) {
		if !strings.HasPrefix(key, prefix) || key <= after {
			continue
		}
		if len(page.Contents) == 1000 {
			page.IsTruncated, page.NextContinuationToken = true, page.Contents[999].Key
			break
		}
		o := f.objects[key]
		page.Contents = append(page.Contents, contents{key, o.etag, o.at.UTC().Format(time.RFC3339), len(o.body)})
	}
	_ = xml.NewEncoder(w).Encode(page)
}

func etag(body []byte) string {
	sum := md5.Sum(body)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

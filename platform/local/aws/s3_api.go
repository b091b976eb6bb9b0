package aws

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/johannesboyne/gofakes3"
)

// handler returns a handler of the S3 protocol. gofakes3 does most of it. The handler adds conditions on
// CompleteMultipartUpload and, if strict is true, status 403 for a missing key.
func (o *objects) handler(strict bool) http.Handler {
	// No limit of the clock skew: a test may set the clock.
	protocol := gofakes3.New(o, gofakes3.WithTimeSkewLimit(0), gofakes3.WithoutVersioning()).Server()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
			writeS3Failure(w, r, &failure{code: "NotImplemented", status: http.StatusNotImplemented,
				message: "the local cloud does not support bodies in the aws-chunked encoding"})
			return
		}
		query := r.URL.Query()
		if r.Method == http.MethodPost && query.Get("uploadId") != "" {
			o.serveComplete(w, r, bucket, key, gofakes3.UploadID(query.Get("uploadId")))
			return
		}
		if strict && key != "" && !query.Has("uploadId") && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			if ok, _ := o.BucketExists(bucket); ok {
				w = &strictWriter{ResponseWriter: w, request: r}
			}
		}
		protocol.ServeHTTP(w, r)
	})
}

// serveComplete serves CompleteMultipartUpload.
func (o *objects) serveComplete(w http.ResponseWriter, r *http.Request, bucket, key string, id gofakes3.UploadID) {
	var in gofakes3.CompleteMultipartUploadRequest
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20)) // 10,000 parts fit
	if err == nil {
		err = xml.Unmarshal(body, &in)
	}
	if err != nil {
		writeS3Failure(w, r, &failure{code: "MalformedXML", message: err.Error()})
		return
	}
	var conditions gofakes3.PutConditions
	if v := r.Header.Get("If-None-Match"); v != "" {
		conditions.IfNoneMatch = &v
	}
	if v := r.Header.Get("If-Match"); v != "" {
		conditions.IfMatch = &v
	}
	m, err := o.complete(bucket, key, id, in.Parts, &conditions)
	if err != nil {
		writeS3Failure(w, r, s3Failure(err))
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	_, _ = io.WriteString(w, xml.Header+`<CompleteMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`+
		text("Location", "http://"+r.Host+r.URL.Path)+text("Bucket", bucket)+text("Key", key)+text("ETag", m.etag())+
		`</CompleteMultipartUploadResult>`)
}

// s3Failure converts an error of gofakes3 to a failure.
func s3Failure(err error) *failure {
	var coded gofakes3.Error
	if errors.As(err, &coded) {
		return &failure{code: string(coded.ErrorCode()), message: coded.Error(), status: coded.ErrorCode().Status()}
	}
	return asFailure(err)
}

// writeS3Failure writes an error as S3 does: as XML, or only the status in response to HEAD.
func writeS3Failure(w http.ResponseWriter, r *http.Request, f *failure) {
	status := f.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, xml.Header+tag("Error", text("Code", f.code)+text("Message", f.message)+text("Resource", r.URL.Path)))
	}
}

// strictWriter replaces "no such key" by "access denied", as S3 does for a role that may not list the bucket.
type strictWriter struct {
	http.ResponseWriter
	request *http.Request
	denied  bool
}

// WriteHeader implements http.ResponseWriter.
func (s *strictWriter) WriteHeader(status int) {
	if status == http.StatusNotFound {
		s.denied = true
		writeS3Failure(s.ResponseWriter, s.request, &failure{code: "AccessDenied", message: "Access Denied", status: http.StatusForbidden})
		return
	}
	s.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (s *strictWriter) Write(b []byte) (int, error) {
	if s.denied {
		return len(b), nil // the response has been written
	}
	return s.ResponseWriter.Write(b)
}

// ReadFrom keeps sendfile for object bodies.
func (s *strictWriter) ReadFrom(r io.Reader) (int64, error) {
	if s.denied {
		return io.Copy(io.Discard, r)
	}
	return io.Copy(s.ResponseWriter, r)
}

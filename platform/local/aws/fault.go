package aws

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// Fault makes one request fail, for tests. The zero Fault has no effect.
type Fault struct {
	// Status is returned as the HTTP status. The request is not executed.
	Status int
	// Code is the error code of that response: "SlowDown", "ConditionalRequestConflict"… Empty: the status's default.
	Code string
	// LoseResponse executes the request, then drops the connection, so that the client receives no response.
	LoseResponse bool
}

// defaultCodes are the codes that S3 returns with a status.
var defaultCodes = map[int]string{
	http.StatusForbidden: "AccessDenied", http.StatusNotFound: "NotFound", http.StatusConflict: "ConditionalRequestConflict",
	http.StatusPreconditionFailed: "PreconditionFailed", http.StatusTooManyRequests: "Throttling",
	http.StatusInternalServerError: "InternalError", http.StatusServiceUnavailable: "SlowDown",
}

// inject applies a fault, and reports whether the request has been handled.
func (c *Cloud) inject(w http.ResponseWriter, r *http.Request, f Fault, serve http.HandlerFunc) bool {
	switch {
	case f.LoseResponse:
		serve(&lostResponse{header: http.Header{}}, r)
		dropConnection(w)
		return true
	case f.Status != 0:
		code := f.Code
		if code == "" {
			code = defaultCodes[f.Status]
		}
		if code == "" {
			code = "InjectedFault"
		}
		writeFault(w, r, f.Status, code)
		return true
	}
	return false
}

// writeFault writes an error response in the protocol of the request.
func writeFault(w http.ResponseWriter, r *http.Request, status int, code string) {
	const message = "injected by a test"
	switch {
	case isSQS(r):
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": "com.amazonaws.sqs#" + code, "message": message})
	case isQuery(r):
		writeSNSFailure(w, &failure{code: code, message: message, status: status}, "injected")
	default:
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20)) // so that a client that is still sending its body reads the response
		writeS3Failure(w, r, &failure{code: code, message: message, status: status})
	}
}

// dropConnection closes the client's connection without a response.
func dropConnection(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

// lostResponse discards a response.
type lostResponse struct{ header http.Header }

func (l *lostResponse) Header() http.Header         { return l.header }
func (l *lostResponse) Write(b []byte) (int, error) { return len(b), nil }
func (l *lostResponse) WriteHeader(int)             {}

func isSQS(r *http.Request) bool { return strings.HasPrefix(r.Header.Get("X-Amz-Target"), sqsTarget) }

func isQuery(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}

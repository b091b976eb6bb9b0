package sourcetest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Request is one request as the server received it.
type Request struct {
	Method string
	Path   string
	Query  string
	Body   string
	Header http.Header
	Status int // of the answer
}

// Fault makes the server misbehave.
type Fault struct {
	On    func(*http.Request) bool // which requests it hits; nil: all
	Times int                      // how many of them; 0: every one
	Serve func(w http.ResponseWriter, r *http.Request, next http.Handler)
}

// Server serves a portal's handler on loopback, keeps a log and injects faults.
type Server struct {
	URL string

	next     http.Handler
	compress bool

	mu     sync.Mutex
	log    []Request
	faults []*Fault
	hits   map[*Fault]int
}

// NewServer starts a server that stops with the test. With compress it sends gzip to clients that accept it, and
// marks its entity tags like Socrata.
func NewServer(t *testing.T, next http.Handler, compress bool) *Server {
	t.Helper()
	s := &Server{next: next, compress: compress, hits: map[*Fault]int{}}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.URL = h.URL
	return s
}

// Inject adds a fault; the first that applies to a request is served.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal removes all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Requests returns the log and empties it.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.log
	s.log = nil
	return log
}

func (s *Server) fault(r *http.Request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if (f.On == nil || f.On(r)) && (f.Times == 0 || s.hits[f] < f.Times) {
			s.hits[f]++
			return f
		}
	}
	return nil
}

// statusWriter remembers the status for the log.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ServeHTTP logs the request and serves it, faults first.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	out := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	entry := Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Body: string(body), Header: r.Header.Clone()}
	defer func() {
		entry.Status = out.status
		s.mu.Lock()
		s.log = append(s.log, entry)
		s.mu.Unlock()
	}()
	if f := s.fault(r); f != nil {
		f.Serve(out, r, s.next)
		return
	}
	if s.compress && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		compressed(out, r, s.next)
		return
	}
	s.next.ServeHTTP(out, r)
}

func compressed(w http.ResponseWriter, r *http.Request, next http.Handler) {
	answer := httptest.NewRecorder()
	next.ServeHTTP(answer, r)
	copyHeader(w, answer)
	if tag := w.Header().Get("ETag"); tag != "" && !strings.Contains(tag, "--gzip") {
		w.Header().Set("ETag", strings.TrimSuffix(tag, `"`)+`--gzip"`)
	}
	if answer.Code == http.StatusNotModified {
		w.WriteHeader(answer.Code)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Del("Content-Length")
	w.WriteHeader(answer.Code)
	z := gzip.NewWriter(w)
	_, _ = z.Write(answer.Body.Bytes())
	_ = z.Close()
}

func copyHeader(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	for name, v := range answer.Header() {
		w.Header()[name] = v
	}
}

// Answer replies with a fixed response.
func Answer(status int, body string, header ...string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		for k := 0; k+1 < len(header); k += 2 {
			w.Header().Set(header[k], header[k+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// HTML replies like a gateway, with a page for people.
func HTML(status int) func(http.ResponseWriter, *http.Request, http.Handler) {
	return Answer(status, "<html><head><title>nginx</title></head><body>upstream</body></html>", "Content-Type", "text/html")
}

// Rewrite replies with a changed copy of the correct response.
func Rewrite(change func([]byte) []byte) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		copyHeader(w, answer)
		w.Header().Del("Content-Length")
		w.WriteHeader(answer.Code)
		_, _ = w.Write(change(answer.Body.Bytes()))
	}
}

// CutShort replies with half of the correct response and breaks the connection.
func CutShort(w http.ResponseWriter, r *http.Request, next http.Handler) {
	answer := httptest.NewRecorder()
	next.ServeHTTP(answer, r)
	copyHeader(w, answer)
	w.Header().Del("Content-Length")
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

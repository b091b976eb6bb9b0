package iam

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
)

// Recorder is a reverse proxy that records the requests of each program to the cloud. A program that has no other address cannot bypass
// it.
type Recorder struct {
	account Account
	server  *http.Server
	address string

	mu      sync.Mutex
	needs   map[string]map[string]Need // by role, by key
	counts  map[string]map[string]int  // by role, by operation
	strange map[string]bool            // requests that could not be parsed, or are not signed
}

// Before inspects a recorded operation before it is passed on. It returns true if it responded itself.
type Before func(Operation, http.ResponseWriter, *http.Request) bool

// NewRecorder listens on a free port of 127.0.0.1 and passes requests on to the address that upstream returns. before may be nil. Close it.
func NewRecorder(ctx context.Context, account Account, transport http.RoundTripper, upstream func(Operation) *url.URL,
	before Before) (*Recorder, error) {
	r := &Recorder{account: account, needs: map[string]map[string]Need{}, counts: map[string]map[string]int{}, strange: map[string]bool{}}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	r.address = "http://" + listener.Addr().String()
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			o, _ := p.In.Context().Value(operationKey{}).(Operation)
			p.SetURL(upstream(o))
		},
		Transport:     transport,
		FlushInterval: -1,
		// A response that is lost behind the recorder is lost for the program too.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	r.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		o, err := account.Read(in)
		r.record(o, err)
		if before != nil && before(o, w, in) {
			return
		}
		proxy.ServeHTTP(w, in.WithContext(context.WithValue(in.Context(), operationKey{}, o)))
	})}
	go func() { _ = r.server.Serve(listener) }() // until Close
	return r, nil
}

type operationKey struct{}

// Address returns the address of the cloud for programs: AWS_ENDPOINT_URL.
func (r *Recorder) Address() string { return r.address }

// Close stops the recorder.
func (r *Recorder) Close() error { return r.server.Close() }

func (r *Recorder) record(o Operation, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o.Role == "" {
		r.strange["unsigned request: "+o.String()] = true
		return
	}
	needs := []Need(nil)
	if err == nil {
		needs, err = o.Needs()
	}
	if err != nil {
		r.strange[o.Role+": "+err.Error()] = true
		return
	}
	if r.needs[o.Role] == nil {
		r.needs[o.Role], r.counts[o.Role] = map[string]Need{}, map[string]int{}
	}
	r.counts[o.Role][o.String()]++
	for _, n := range needs {
		if _, ok := r.needs[o.Role][n.key()]; !ok {
			r.needs[o.Role][n.key()] = n
		}
	}
}

// Needs returns what a role's program has needed so far, sorted.
func (r *Recorder) Needs(role string) []Need {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.needs[role]), func(a, b Need) int { return cmp.Compare(a.key(), b.key()) })
}

// Counts returns how often a role's program requested each operation.
func (r *Recorder) Counts(role string) map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts[role])
}

// Roles lists the roles that sent requests.
func (r *Recorder) Roles() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.needs))
}

// Strange returns the requests that could not be parsed, are in no table, or are not signed. A recording with any proves nothing.
func (r *Recorder) Strange() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.strange))
}

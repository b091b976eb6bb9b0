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

// Recorder is a reverse proxy that writes down what each program asks of the cloud. A program that is given no other
// address cannot get past it.
type Recorder struct {
	account Account
	server  *http.Server
	address string

	mu      sync.Mutex
	needs   map[string]map[string]Need // by role, by key
	counts  map[string]map[string]int  // by role, by operation
	strange map[string]bool            // what could not be read, or is nobody's
}

// Before looks at an operation that is written down, before it is passed on; true: it has answered it itself.
type Before func(Operation, http.ResponseWriter, *http.Request) bool

// NewRecorder listens on a free port of 127.0.0.1 and passes requests on to where upstream says. before may be nil. Close it.
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
		// An answer that is lost behind the recorder is lost before it, too.
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

// Address is what a program takes for the cloud: AWS_ENDPOINT_URL.
func (r *Recorder) Address() string { return r.address }

// Close ends the recorder.
func (r *Recorder) Close() error { return r.server.Close() }

func (r *Recorder) record(o Operation, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o.Role == "" {
		r.strange["a request that is not signed: "+o.String()] = true
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

// Needs is what a role's program has needed until now, sorted.
func (r *Recorder) Needs(role string) []Need {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Values(r.needs[role]), func(a, b Need) int { return cmp.Compare(a.key(), b.key()) })
}

// Counts is how often a role's program has asked for each operation.
func (r *Recorder) Counts(role string) map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts[role])
}

// Roles are those that have asked for something.
func (r *Recorder) Roles() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.needs))
}

// Strange is what could not be read, is in no table, or is nobody's. A recording with any proves nothing.
func (r *Recorder) Strange() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.strange))
}

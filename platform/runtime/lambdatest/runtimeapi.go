package lambdatest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"
)

// RuntimeAPI serves Lambda's Runtime API, version 2018-06-01, to one instance of one function, with one invocation at a time.
type RuntimeAPI struct {
	server *httptest.Server
	next   chan *invocation
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex
	serial  int
	current *invocation
	polls   int
}

type invocation struct {
	id       string
	payload  []byte
	deadline time.Time
	answer   chan Answer
}

// Answer is the response of a function to an invocation.
type Answer struct {
	Payload []byte // the response, or the error's description
	Failed  bool   // the function failed
}

// StartRuntimeAPI starts a RuntimeAPI on loopback. The caller must close it.
func StartRuntimeAPI() *RuntimeAPI {
	a := &RuntimeAPI{next: make(chan *invocation), closed: make(chan struct{})}
	a.server = httptest.NewServer(http.HandlerFunc(a.serve))
	return a
}

// Address returns the value for AWS_LAMBDA_RUNTIME_API.
func (a *RuntimeAPI) Address() string { return a.server.Listener.Addr().String() }

// Close stops the API. A function that waits for its next invocation loses its connection and exits.
func (a *RuntimeAPI) Close() {
	a.once.Do(func() { close(a.closed) })
	a.server.CloseClientConnections()
	a.server.Close()
}

// Invoke sends a payload to the function and waits for its response, at most for the function's timeout.
func (a *RuntimeAPI) Invoke(ctx context.Context, payload []byte, timeout time.Duration) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	a.mu.Lock()
	a.serial++
	i := &invocation{id: "request-" + strconv.Itoa(a.serial), payload: payload, answer: make(chan Answer, 1)}
	i.deadline, _ = ctx.Deadline()
	a.mu.Unlock()
	select {
	case a.next <- i:
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("wait for the function to request invocation %s: %w", i.id, ctx.Err())
	}
	select {
	case answer := <-i.answer:
		return answer, nil
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("wait for the response to invocation %s: %w", i.id, ctx.Err())
	}
}

// Polls returns how often the function has requested an invocation. It requests the next one only after finishing the last.
func (a *RuntimeAPI) Polls() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.polls
}

func (a *RuntimeAPI) serve(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/2018-06-01/runtime/")
	switch {
	case r.Method == http.MethodGet && path == "invocation/next":
		a.hand(w, r)
	case r.Method == http.MethodPost && strings.HasPrefix(path, "invocation/"):
		id, what, _ := strings.Cut(strings.TrimPrefix(path, "invocation/"), "/")
		a.take(w, r, id, what)
	default:
		http.NotFound(w, r)
	}
}

func (a *RuntimeAPI) hand(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.polls++
	a.mu.Unlock()
	select {
	case i := <-a.next:
		a.mu.Lock()
		a.current = i
		a.mu.Unlock()
		h := w.Header()
		h.Set("Lambda-Runtime-Aws-Request-Id", i.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-south-2:000000000000:function:test")
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
		_, _ = w.Write(i.payload)
	case <-a.closed:
	case <-r.Context().Done():
	}
}

func (a *RuntimeAPI) take(w http.ResponseWriter, r *http.Request, id, what string) {
	body, err := io.ReadAll(r.Body)
	a.mu.Lock()
	i := a.current
	a.mu.Unlock()
	if err != nil || i == nil || i.id != id || what != "response" && what != "error" {
		http.Error(w, "unknown invocation", http.StatusBadRequest)
		return
	}
	i.answer <- Answer{Payload: body, Failed: what == "error"}
	w.WriteHeader(http.StatusAccepted)
}

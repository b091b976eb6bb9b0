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

// RuntimeAPI is Lambda's Runtime API, version 2018-06-01, for one instance of one function: one invocation at a time.
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

// Answer is what a function made of an invocation.
type Answer struct {
	Payload []byte // the response, or the error's description
	Failed  bool   // the function failed
}

// StartRuntimeAPI listens on loopback. Close it.
func StartRuntimeAPI() *RuntimeAPI {
	a := &RuntimeAPI{next: make(chan *invocation), closed: make(chan struct{})}
	a.server = httptest.NewServer(http.HandlerFunc(a.serve))
	return a
}

// Address is the value of AWS_LAMBDA_RUNTIME_API.
func (a *RuntimeAPI) Address() string { return a.server.Listener.Addr().String() }

// Close ends the API; a function that waits for its next invocation sees its connection broken and exits.
func (a *RuntimeAPI) Close() {
	a.once.Do(func() { close(a.closed) })
	a.server.CloseClientConnections()
	a.server.Close()
}

// Invoke hands a payload to the function and waits for its answer, at most for the function's timeout.
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
		return Answer{}, fmt.Errorf("no instance of the function asked for invocation %s: %w", i.id, ctx.Err())
	}
	select {
	case answer := <-i.answer:
		return answer, nil
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("invocation %s was not answered: %w", i.id, ctx.Err())
	}
}

// Polls is how often the function has asked for an invocation: it asks again only when it has finished the one before.
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
		http.Error(w, "no such invocation", http.StatusBadRequest)
		return
	}
	i.answer <- Answer{Payload: body, Failed: what == "error"}
	w.WriteHeader(http.StatusAccepted)
}

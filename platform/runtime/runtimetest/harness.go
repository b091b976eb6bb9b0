// Package runtimetest runs a service's handler in a test. The handler runs under the service's receipt, with a lake in memory
// and a clock that advances only by Set and Sleep.
package runtimetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/telemetry"
)

// Harness contains a lake, a config bucket, a clock and the ports that use them, all in memory.
type Harness struct {
	Lake   *laketest.Memory
	Config *laketest.Memory
	Clock  *Clock
	Log    *Text // the log lines
	// Letters contains the dead letters by service.
	Letters Letters
	Ports   runtime.Ports
}

// New returns a Harness whose config bucket contains the contracts. Change its Ports before calling Deliver.
func New(t testing.TB, contracts ...*contract.Contract) *Harness {
	t.Helper()
	b := &Harness{Lake: laketest.NewMemory(), Config: laketest.NewMemory(), Clock: &Clock{now: Start}, Log: &Text{}, Letters: Letters{}}
	b.Lake.Now = b.Clock.Now
	if err := runtime.DeployContracts(context.Background(), b.Config, contracts); err != nil {
		t.Fatal(err)
	}
	var attempts atomic.Int64
	b.Ports = runtime.Ports{
		Lake: b.Lake, Contracts: &runtime.ConfigContracts{Store: b.Config}, Clock: b.Clock,
		BaseURL:    func(_, url string) string { return url },
		NewAttempt: func() string { return fmt.Sprintf("a%d", attempts.Add(1)) },
		Metrics:    telemetry.Discard{}, Log: slog.New(slog.NewJSONHandler(b.Log, nil)), Build: "test",
		Failpoint: func(string) {}, DeadLetters: b.Letters,
	}
	return b
}

// Letters keeps dead letters in memory, by service.
type Letters map[string][]messaging.Letter

// Look calls visit for each dead letter of a service.
func (l Letters) Look(_ context.Context, service string, visit func(messaging.Letter) error) error {
	var failed error
	for _, one := range l[service] {
		failed = errors.Join(failed, visit(one))
	}
	return failed
}

// Start is the initial time of the clock of a Harness.
var Start = time.Date(2025, 8, 3, 14, 5, 12, 0, time.UTC)

// ErrCrashed is returned by Deliver when a failpoint panicked with Crash.
var ErrCrashed = errors.New("the service was killed")

// Crash is the value with which a test's Failpoint panics to end the service at that point.
type Crash struct{}

// Deliver delivers an event to a service, as the runtime does, and returns the events that would be emitted.
func (b *Harness) Deliver(ctx context.Context, s runtime.Service, in events.Event) (out []events.Event, err error) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(Crash); !ok {
				panic(p)
			}
			out, err = nil, ErrCrashed
		}
	}()
	return runtime.Process(ctx, s, b.Ports, s.New.Handler(b.Ports), in)
}

// Event returns an event with this id and payload.
func Event(id string, p events.Payload) events.Event {
	e := events.New(p)
	e.ID, e.Source, e.Time = id, "/llac/test", Start
	e.TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	return e
}

// Only returns the payload of the only event, which must be a T. It fails the test if there is another number of events.
func Only[T events.Payload](t testing.TB, out []events.Event, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 1 {
		t.Fatalf("%d events, want 1: %s", len(out), Names(out))
	}
	p, err := events.As[T](out[0])
	if err != nil {
		t.Fatalf("%v\n%s", err, out[0].Data)
	}
	return p
}

// Names returns the short names of the events' types.
func Names(out []events.Event) []string {
	names := []string{}
	for _, e := range out {
		names = append(names, events.Name(e.Type))
	}
	return names
}

// Bytes returns the serialized events. A test compares them to check that two deliveries publish exactly the same events.
func Bytes(t testing.TB, out []events.Event) string {
	t.Helper()
	var b bytes.Buffer
	for _, e := range out {
		line, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// Put writes a document to the lake and returns the reference to it that events carry.
func (b *Harness) Put(t testing.TB, key string, document any) events.Object {
	t.Helper()
	body, ok := document.([]byte)
	if !ok {
		body = lake.Encode(document)
	}
	info, err := b.Lake.Put(context.Background(), key, body)
	if err != nil {
		t.Fatal(err)
	}
	return info.Object()
}

// Contract returns the contract of a dataset from the folder datasets/.
func Contract(t testing.TB, dataset string) *contract.Contract {
	t.Helper()
	_, here, _, _ := goruntime.Caller(0)
	contracts, err := contract.LoadDir(filepath.Join(filepath.Dir(here), "..", "..", "..", "datasets"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contracts {
		if c.Dataset == dataset {
			return c
		}
	}
	t.Fatalf("no contract of %s", dataset)
	return nil
}

// Parse parses the text of a contract.
func Parse(t testing.TB, dataset, text string) *contract.Contract {
	t.Helper()
	c, err := contract.Parse(dataset+contract.FileSuffix, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Clock is a clock that advances only by Set and Sleep.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set sets the clock to t.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t.UTC()
}

// Sleep advances the clock by d and returns at once.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return ctx.Err()
}

// Text is a buffer that several goroutines may write to.
type Text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends p to the text.
func (t *Text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

// String returns the text written so far.
func (t *Text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

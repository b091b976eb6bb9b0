package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

const (
	dataset = "things"
	run     = "20250803T140512"
)

// stage is a service whose handler writes one object per call, under a new name, and emits staging.written for it.
type stage struct {
	calls  atomic.Int64
	before func(call int64) // called by the handler before its effect
}

func (s *stage) service() runtime.Service {
	return runtime.Service{
		Name:  "stager",
		Emits: events.TypesOf(events.StagingWritten{}, events.DatasetRecovered{}),
		New: runtime.Construct(func(p runtime.Ports) runtime.Handler {
			return func(ctx context.Context, in events.Event) ([]events.Event, error) {
				n := s.calls.Add(1)
				if s.before != nil {
					s.before(n)
				}
				key := fmt.Sprintf("staging/%d", n)
				if _, err := p.Lake.Put(ctx, key, []byte("{}")); err != nil {
					return nil, err
				}
				return []events.Event{
					events.New(events.StagingWritten{Run: events.Run{Dataset: dataset, RunID: run}, Attempt: fmt.Sprint(n),
						Candidate: events.Object{Key: key}}),
					events.New(events.DatasetRecovered{Dataset: dataset}),
				}, nil
			}
		}),
		Receipt: func(events.Event) string { return lake.ReceiptKey(dataset, run, "stager", 0) },
	}
}

func validated() events.Event {
	return runtimetest.Event("things/"+run+"/validator/1", events.LandingValidated{Run: events.Run{Dataset: dataset, RunID: run}})
}

// Invariant 1: a redelivery emits the same events with the same ids and has no other effect.
func TestRedelivery(t *testing.T) {
	t.Parallel()
	b, s := runtimetest.New(t), &stage{}
	first, err := b.Deliver(t.Context(), s.service(), validated())
	if err != nil {
		t.Fatal(err)
	}
	b.Clock.Set(runtimetest.Start.AddDate(0, 0, 1))
	second, err := b.Deliver(t.Context(), s.service(), validated())
	if err != nil {
		t.Fatal(err)
	}
	if one, two := runtimetest.Bytes(t, first), runtimetest.Bytes(t, second); one != two || len(first) != 2 {
		t.Errorf("first delivery:\n%sredelivery:\n%s", one, two)
	}
	if n := s.calls.Load(); n != 1 {
		t.Errorf("the handler ran %d times", n)
	}
}

// Invariant 1: of two deliveries at once, the second to finish discards its own events and publishes those of the first.
func TestTwoDeliveriesAtOnce(t *testing.T) {
	t.Parallel()
	b := runtimetest.New(t)
	var inside sync.WaitGroup
	inside.Add(2)
	s := &stage{before: func(int64) { inside.Done(); inside.Wait() }} // neither ends before both have started
	outs := make([][]events.Event, 2)
	var both sync.WaitGroup
	for i := range outs {
		both.Go(func() {
			out, err := b.Deliver(t.Context(), s.service(), validated())
			if err != nil {
				t.Error(err)
			}
			outs[i] = out
		})
	}
	both.Wait()
	if one, two := runtimetest.Bytes(t, outs[0]), runtimetest.Bytes(t, outs[1]); one != two || len(outs[0]) != 2 {
		t.Errorf("one delivery:\n%sthe other:\n%s", one, two)
	}
	if s.calls.Load() != 2 {
		t.Errorf("the handler ran %d times, want 2: the deliveries were not concurrent", s.calls.Load())
	}
}

func TestCrashBetweenEffectAndReceipt(t *testing.T) {
	t.Parallel()
	b, s := runtimetest.New(t), &stage{}
	b.Ports.Failpoint = func(name string) {
		if name == "effect-receipt" && s.calls.Load() == 1 {
			panic(runtimetest.Crash{})
		}
	}
	if _, err := b.Deliver(t.Context(), s.service(), validated()); !errors.Is(err, runtimetest.ErrCrashed) {
		t.Fatalf("error %v: the failpoint was not reached", err)
	}
	out, err := b.Deliver(t.Context(), s.service(), validated())
	if err != nil {
		t.Fatal(err)
	}
	if p, err := events.As[events.StagingWritten](out[0]); err != nil || p.Attempt != "2" {
		t.Errorf("the second try emitted %+v (%v), want the object of the second try", p, err)
	}
	again, err := b.Deliver(t.Context(), s.service(), validated())
	if err != nil || runtimetest.Bytes(t, again) != runtimetest.Bytes(t, out) {
		t.Errorf("the redelivery emitted other events (%v)", err)
	}
}

// The receipt was written, but the response to the put was lost. The next try finds the receipt.
func TestReceiptWrittenByALostPut(t *testing.T) {
	t.Parallel()
	b, s := runtimetest.New(t), &stage{}
	lost := errors.New("the connection was reset")
	b.Ports.Lake = lostResponses{b.Lake, lost}
	if _, err := b.Deliver(t.Context(), s.service(), validated()); !errors.Is(err, lost) {
		t.Fatalf("error %v", err)
	}
	b.Ports.Lake = b.Lake
	out, err := b.Deliver(t.Context(), s.service(), validated())
	if err != nil || len(out) != 2 || s.calls.Load() != 1 {
		t.Errorf("error %v, %d events, %d calls; want 2 events and 1 call, because the receipt was written", err, len(out), s.calls.Load())
	}
}

// lostResponses is a store whose PutIfAbsent writes the object and then returns an error.
type lostResponses struct {
	lake.Store
	err error
}

func (l lostResponses) PutIfAbsent(ctx context.Context, key string, body []byte, o ...lake.PutOption) (lake.Info, lake.Outcome, error) {
	if _, _, err := l.Store.PutIfAbsent(ctx, key, body, o...); err != nil {
		return lake.Info{}, 0, err
	}
	return lake.Info{}, 0, l.err
}

func TestAFailedHandlerLeavesNoReceipt(t *testing.T) {
	t.Parallel()
	b, s := runtimetest.New(t), &stage{}
	unavailable := errors.New("the lake is unavailable")
	b.Lake.Before = func(op, key string) error {
		if op == "put" && key == "staging/1" {
			return unavailable
		}
		return nil
	}
	if _, err := b.Deliver(t.Context(), s.service(), validated()); !errors.Is(err, unavailable) {
		t.Fatalf("error %v", err)
	}
	if keys := b.Lake.Keys(); len(keys) != 0 {
		t.Errorf("the lake contains %v, want no objects", keys)
	}
	if out, err := b.Deliver(t.Context(), s.service(), validated()); err != nil || len(out) != 2 {
		t.Errorf("the next try: %d events, %v", len(out), err)
	}
}

func TestUnreadableReceipt(t *testing.T) {
	t.Parallel()
	b, s := runtimetest.New(t), &stage{}
	key := lake.ReceiptKey(dataset, run, "stager", 0)
	b.Put(t, key, []byte(`{"service": "stager", "events": [`))
	_, err := b.Deliver(t.Context(), s.service(), validated())
	if !runtime.IsPermanent(err) || !strings.Contains(err.Error(), key) {
		t.Errorf("error %v, want a permanent error that names the receipt", err)
	}
	if s.calls.Load() != 0 {
		t.Error("the handler ran although the earlier effects are unknown")
	}
	b.Lake.Before = func(string, string) error { return errors.New("the lake is unavailable") }
	if _, err := b.Deliver(t.Context(), s.service(), validated()); err == nil || runtime.IsPermanent(err) || s.calls.Load() != 0 {
		t.Errorf("receipt temporarily unreadable: error %v; want a transient error and no call of the handler", err)
	}
}

// Invariant 7: an emitted event carries the run, its cause and the trace.
func TestStamping(t *testing.T) {
	t.Parallel()
	b, s := runtimetest.New(t), &stage{}
	in := validated()
	in.TraceState = "vendor=1"
	out, err := b.Deliver(t.Context(), s.service(), in)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range out {
		if want := fmt.Sprintf("things/%s/stager/%d", run, i+1); e.ID != want {
			t.Errorf("id %s, want %s", e.ID, want)
		}
		if e.Source != "/llac/stager" || e.CausationID != in.ID || e.CorrelationID != run ||
			!e.Time.Equal(runtimetest.Start) || e.Subject != dataset {
			t.Errorf("stamped %+v", e)
		}
		if e.TraceParent != in.TraceParent || e.TraceState != "vendor=1" {
			t.Errorf("trace %s %s, want that of the incoming event, because there is no span", e.TraceParent, e.TraceState)
		}
		body, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := events.Parse(body); err != nil {
			t.Errorf("event %d does not parse: %v", i, err)
		}
	}
}

func TestStampingOfASpan(t *testing.T) {
	t.Parallel()
	b, s := runtimetest.New(t), &stage{}
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{0: 1, 15: 2}, SpanID: trace.SpanID{0: 3, 7: 4},
		TraceFlags: trace.FlagsSampled})
	out, err := b.Deliver(trace.ContextWithSpanContext(t.Context(), span), s.service(), validated())
	if err != nil {
		t.Fatal(err)
	}
	if want := "00-01000000000000000000000000000002-0300000000000004-01"; out[0].TraceParent != want {
		t.Errorf("traceparent %s, want %s", out[0].TraceParent, want)
	}
	receipt, _, err := b.Lake.Get(t.Context(), lake.ReceiptKey(dataset, run, "stager", 0))
	if err != nil || !strings.Contains(string(receipt), `"trace_id": "01000000000000000000000000000002"`) ||
		!strings.Contains(string(receipt), in(validated())) {
		t.Errorf("receipt (%v):\n%s", err, receipt)
	}
}

func in(e events.Event) string { return `"event_id": "` + e.ID + `"` }

// Without a receipt the handler runs again, and its events have the same ids.
func TestWithoutReceipt(t *testing.T) {
	t.Parallel()
	b, s := runtimetest.New(t), &stage{}
	service := s.service()
	service.Receipt = func(events.Event) string { return "" }
	for range 2 {
		out, err := b.Deliver(t.Context(), service, validated())
		if err != nil || out[1].ID != "things/"+run+"/validator/1/stager/2" {
			t.Errorf("id %s, error %v", out[1].ID, err)
		}
	}
	if s.calls.Load() != 2 {
		t.Errorf("the handler ran %d times", s.calls.Load())
	}
}

func TestAnIDSetByTheHandlerIsKept(t *testing.T) {
	t.Parallel()
	b := runtimetest.New(t)
	service := runtime.Service{Name: "scheduler", Emits: events.TypesOf(events.ExtractionRequested{}),
		New: runtime.Construct(func(struct{}) runtime.Handler {
			return func(context.Context, events.Event) ([]events.Event, error) {
				e := events.New(events.ExtractionRequested{Run: events.Run{Dataset: dataset, RunID: run}})
				e.ID = "own-id"
				return []events.Event{e}, nil
			}
		})}
	out, err := b.Deliver(t.Context(), service, validated())
	if err != nil || out[0].ID != "own-id" {
		t.Errorf("id %s, error %v", out[0].ID, err)
	}
}

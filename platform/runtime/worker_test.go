package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/telemetry"
)

// bench is a worker with everything around it in memory. Its steps say in which order things happened.
type bench struct {
	*worker
	lake      *laketest.Memory
	steps     []string
	published []events.Event
	fail      error // of the next publish
	handler   Handler
}

var testRun = events.Run{Dataset: "municipalities", RunID: "20250803T140512", Slot: "20250803T140512"}

func newBench(t *testing.T, handler Handler) *bench {
	t.Helper()
	b := &bench{lake: laketest.NewMemory(), handler: handler}
	tel, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "stager", Log: io.Discard, SpanFile: filepath.Join(t.TempDir(), "spans")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	ports := Ports{Lake: b.lake, Clock: clock.System{}, Build: "test", Failpoint: func(p string) { b.steps = append(b.steps, p) }}
	ports.fill(tel)
	b.worker = &worker{
		service: Service{
			Name: "stager", Consumes: []string{events.LandingValidated{}.EventType()}, Emits: []string{events.StagingWritten{}.EventType()},
			Receipt: func(in events.Event) string {
				return lake.ReceiptKey(testRun.Dataset, testRun.RunID, "stager", 0)
			},
		},
		ports: ports, tracer: tel.Tracer, maxReceives: 3,
		handle: func(ctx context.Context, in events.Event) ([]events.Event, error) {
			b.steps = append(b.steps, "handle")
			return b.handler(ctx, in)
		},
		publish: func(_ context.Context, out []events.Event) error {
			if err := b.fail; err != nil {
				b.fail = nil
				return err
			}
			b.steps = append(b.steps, "publish")
			b.published = append(b.published, out...)
			return nil
		},
	}
	return b
}

func stage(context.Context, events.Event) ([]events.Event, error) {
	return []events.Event{events.New(events.StagingWritten{Run: testRun})}, nil
}

func delivery(body string, receives int) *messaging.Delivery {
	return &messaging.Delivery{Queue: "llac-test-stager", MessageID: "m1", Body: body, Receives: receives}
}

func validated(t *testing.T) string {
	t.Helper()
	e := events.New(events.LandingValidated{Run: testRun})
	e.ID, e.TraceParent = "municipalities/20250803T140512/validator/1", "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"
	b, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestStepsComeInTheOrderOfInvariant1(t *testing.T) {
	t.Parallel()
	b := newBench(t, stage)
	ctx, what, err := b.work(t.Context(), delivery(validated(t), 1))
	if what != done || err != nil {
		t.Fatalf("%v %v", what, err)
	}
	want := []string{"handle", FailpointEffectReceipt, FailpointReceiptPublish, "publish", FailpointPublishAck}
	if !slices.Equal(b.steps, want) {
		t.Errorf("steps %v, want %v", b.steps, want)
	}
	out := b.published[0]
	if out.CausationID != "municipalities/20250803T140512/validator/1" || out.CorrelationID != testRun.RunID || out.Source != "/llac/stager" {
		t.Errorf("envelope %+v", out)
	}
	if out.TraceParent != telemetry.TraceParent(ctx) || !strings.Contains(out.TraceParent, "5759e988bd862e3fe1be46a994272793") {
		t.Errorf("traceparent %q, want the run's trace", out.TraceParent)
	}
}

func TestRedeliveryPublishesTheSameEventsWithoutHandlingAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, stage)
	b.fail = errors.New("SNS is not well")
	if _, what, _ := b.work(t.Context(), delivery(validated(t), 1)); what != again {
		t.Fatalf("publish failed, and the fate is %v", what)
	}
	b.handler = func(context.Context, events.Event) ([]events.Event, error) {
		return nil, errors.New("must not run again")
	}
	for i := range 2 {
		if _, what, err := b.work(t.Context(), delivery(validated(t), i+2)); what != done {
			t.Fatal(what, err)
		}
	}
	if len(b.published) != 2 || b.published[0].ID != b.published[1].ID || b.published[0].Time != b.published[1].Time {
		t.Errorf("published %+v, want the same event twice", b.published)
	}
}

func TestMessagesThatNoRetryWillMend(t *testing.T) {
	t.Parallel()
	unknown := strings.Replace(validated(t), "cat.llac.landing.validated.v1", "cat.llac.landing.validated.v9", 1)
	foreign := strings.Replace(validated(t), "cat.llac.landing.validated.v1", "cat.llac.landing.written.v1", 1)
	for name, c := range map[string]struct {
		body, reason string
		handler      Handler
		failed       bool // a run.failed follows
	}{
		"not an envelope":  {"{", "not a CloudEvents JSON document", stage, false},
		"not UTF-8":        {"\xff\xfe", "not a CloudEvents JSON document", stage, false},
		"unknown version":  {unknown, "deploy the consumer before the producer", stage, true},
		"of another queue": {foreign, "does not consume", stage, true},
		"permanent failure": {validated(t), "no such column", func(context.Context, events.Event) ([]events.Event, error) {
			return nil, Permanent(errors.New("no such column"))
		}, true},
		"wrapped permanent": {validated(t), "stage: integrity", func(context.Context, events.Event) ([]events.Event, error) {
			return nil, fmt.Errorf("stage: %w", &lake.IntegrityError{})
		}, true},
		"panic": {validated(t), "panic in stager", func(context.Context, events.Event) ([]events.Event, error) { panic("a personal value") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, c.handler)
			_, what, err := b.work(t.Context(), delivery(c.body, 1))
			if what != dead || err == nil || !strings.Contains(err.Error(), c.reason) {
				t.Fatalf("%v: %v, want dead because %q", what, err, c.reason)
			}
			if strings.Contains(err.Error(), "personal") {
				t.Errorf("the reason holds the panic's value: %v", err)
			}
			if !c.failed {
				if len(b.published) != 0 {
					t.Errorf("published %v", b.published)
				}
				return
			}
			if len(b.published) != 1 {
				t.Fatalf("published %v, want run.failed", b.published)
			}
			p, err := events.As[events.RunFailed](b.published[0])
			if err != nil || p.RunID != testRun.RunID || p.Failure.Class != "permanent" || p.Failure.Tries != 1 || !strings.Contains(p.Failure.Reason, c.reason) {
				t.Errorf("run.failed %+v %v", p, err)
			}
			key := lake.FailureKey(testRun.Dataset, testRun.RunID, "stager", "m1")
			if r, err := readFailure(t.Context(), b.lake, key); err != nil || len(r) != 1 || r[0].ID != b.published[0].ID {
				t.Errorf("record %v %v", r, err)
			}
		})
	}
}

func TestTransientFailureIsRetriedThenGivenUp(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(context.Context, events.Event) ([]events.Event, error) { return nil, errors.New("portal is down") })
	for receives, want := range map[int]fate{1: again, 2: again, 3: dead} {
		_, what, err := b.work(t.Context(), delivery(validated(t), receives))
		if what != want {
			t.Errorf("receive %d: %v %v, want %v", receives, what, err, want)
		}
		if what == dead && err.Error() != "given up after 3 tries: portal is down" {
			t.Errorf("reason %q", err)
		}
	}
	if len(b.published) != 1 {
		t.Fatalf("published %v", b.published)
	}
	p, err := events.As[events.RunFailed](b.published[0])
	if err != nil || p.Failure.Class != "transient" || p.Failure.Tries != 3 || p.Failure.EventID != "municipalities/20250803T140512/validator/1" {
		t.Errorf("failure %+v %v", p.Failure, err)
	}
}

func TestAMessageThatKillsItsServiceIsGivenUpWithoutAnotherTry(t *testing.T) {
	t.Parallel()
	b := newBench(t, stage)
	_, what, err := b.work(t.Context(), delivery(validated(t), 4))
	if what != dead || !strings.Contains(err.Error(), "received 3 times and never answered") || slices.Contains(b.steps, "handle") {
		t.Errorf("%v %v %v", what, err, b.steps)
	}
}

// A neighbour in its batch killed the process before every answer: what is done is answered, not given up.
func TestAMessageWithAReceiptIsAnsweredHoweverOftenItCame(t *testing.T) {
	t.Parallel()
	b := newBench(t, stage)
	if _, what, err := b.work(t.Context(), delivery(validated(t), 1)); what != done || err != nil {
		t.Fatal(what, err)
	}
	b.steps = nil
	_, what, err := b.work(t.Context(), delivery(validated(t), 4))
	if what != done || err != nil || slices.Contains(b.steps, "handle") || len(b.published) != 2 || b.published[0].ID != b.published[1].ID {
		t.Errorf("%v %v %v %+v", what, err, b.steps, b.published)
	}
	for _, key := range b.lake.Keys() {
		if strings.Contains(key, ".failed.") {
			t.Errorf("a failure is recorded: %s", key)
		}
	}
}

func TestGivingUpIsRepeatedWithTheSameEvents(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(context.Context, events.Event) ([]events.Event, error) { return nil, Permanent(errors.New("no")) })
	b.fail = errors.New("SNS is not well")
	if _, what, err := b.work(t.Context(), delivery(validated(t), 1)); what != again || !strings.Contains(err.Error(), "SNS is not well") {
		t.Fatalf("%v %v, want the message back: its failure is not published", what, err)
	}
	for i := range 2 {
		if _, what, _ := b.work(t.Context(), delivery(validated(t), i+2)); what != dead {
			t.Fatal(what)
		}
	}
	if len(b.published) != 2 || b.published[0].ID != b.published[1].ID || string(b.published[0].Data) != string(b.published[1].Data) {
		t.Errorf("published %+v, want the recorded event twice", b.published)
	}
	b.published = nil
	redriven := delivery(validated(t), 1)
	redriven.MessageID = "m2"
	if _, what, _ := b.work(t.Context(), redriven); what != dead || len(b.published) != 1 {
		t.Fatalf("a redriven message that fails again is a failure of its own: %v %v", what, b.published)
	}
}

func TestGaveUpOfTheService(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(context.Context, events.Event) ([]events.Event, error) { return nil, Permanent(errors.New("no")) })
	b.service.GaveUp = func(in events.Event, f events.Failure) []events.Event {
		return []events.Event{events.New(events.ExtractionFailed{Run: testRun, Failure: f})}
	}
	if _, what, _ := b.work(t.Context(), delivery(validated(t), 1)); what != dead || b.published[0].Type != (events.ExtractionFailed{}).EventType() {
		t.Errorf("%v %v", what, b.published)
	}
	b = newBench(t, b.handler)
	b.service.GaveUp = func(events.Event, events.Failure) []events.Event { panic("bug") }
	if _, what, _ := b.work(t.Context(), delivery(validated(t), 1)); what != dead {
		t.Errorf("%v: a bug in GaveUp keeps the message from its dead letter", what)
	}
}

func TestStopIsNotAFailure(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	b := newBench(t, func(ctx context.Context, _ events.Event) ([]events.Event, error) {
		cancel()
		return nil, ctx.Err()
	})
	if _, what, _ := b.work(ctx, delivery(validated(t), 3)); what != release || len(b.published) != 0 {
		t.Errorf("%v %v, want the message released though it was its last try", what, b.published)
	}
}

func TestDeadlineIsAFailureAndStillIsGivenUpProperly(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	b := newBench(t, func(ctx context.Context, _ events.Event) ([]events.Event, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if _, what, err := b.work(ctx, delivery(validated(t), 3)); what != dead || len(b.published) != 1 {
		t.Errorf("%v %v %v, want it recorded and published after the deadline", what, err, b.published)
	}
}

func TestNamesThatAreNotOursAreNotMadeIntoKeys(t *testing.T) {
	t.Parallel()
	for _, data := range []string{`{"dataset":"../../x","run_id":"r"}`, `{"dataset":"d","run_id":""}`, `[]`, `{"dataset":1}`} {
		if _, ok := runOf(events.Event{Data: []byte(data)}); ok {
			t.Errorf("%s is taken for a run", data)
		}
	}
}

// TestThePortalsRefusalIsKept: what a portal says of a refusal is in the failure record, for whoever mends the contract.
func TestThePortalsRefusalIsKept(t *testing.T) {
	t.Parallel()
	const body = `{"message":"No such column: nom","errorCode":"query.soql.no-such-column"}`
	b := newBench(t, func(context.Context, events.Event) ([]events.Event, error) {
		return nil, fmt.Errorf("fetch: %w", &source.PermanentError{Op: "page 1", Err: errors.New("400"), Body: body})
	})
	if _, what, err := b.work(t.Context(), delivery(validated(t), 1)); what != dead {
		t.Fatalf("%v %v", what, err)
	}
	raw, _, err := b.lake.Get(t.Context(), lake.FailureKey(testRun.Dataset, testRun.RunID, "stager", "m1"))
	if err != nil {
		t.Fatal(err)
	}
	var record lake.FailureRecord
	if err := json.Unmarshal(raw, &record); err != nil || record.Answer != body {
		t.Errorf("the record keeps %q, %v", record.Answer, err)
	}
}

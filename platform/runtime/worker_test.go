package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
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

// testWorker is a worker whose lake and publisher are in memory. It records the order of the steps of a delivery.
type testWorker struct {
	*worker
	lake      *laketest.Memory
	steps     []string
	published []events.Event
	fail      error // error of the next publish
	handler   Handler
}

var testRun = events.Run{Dataset: "municipalities", RunID: "20250803T140512", Slot: "20250803T140512"}

func newTestWorker(t *testing.T, handler Handler) *testWorker {
	t.Helper()
	b := &testWorker{lake: laketest.NewMemory(), handler: handler}
	tel, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "stager", Log: io.Discard,
		SpanFile: filepath.Join(t.TempDir(), "spans")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	ports := Ports{Lake: b.lake, Clock: clock.System{}, Build: "test", Failpoint: func(p string) { b.steps = append(b.steps, p) }}
	ports.fill(tel)
	b.worker = &worker{
		service: Service{
			Name: "stager", Consumes: []string{events.LandingValidated{}.EventType()},
			Emits:  events.TypesOf(events.StagingWritten{}, events.RunFailed{}),
			GaveUp: FailsRun,
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
	b := newTestWorker(t, stage)
	ctx, what, err := b.work(t.Context(), delivery(validated(t), 1))
	if what != done || err != nil {
		t.Fatalf("%v %v", what, err)
	}
	want := []string{"handle", FailpointEffectReceipt, FailpointReceiptPublish, "publish", FailpointPublishAck}
	if !slices.Equal(b.steps, want) {
		t.Errorf("steps %v, want %v", b.steps, want)
	}
	out := b.published[0]
	if out.CausationID != "municipalities/20250803T140512/validator/1" || out.CorrelationID != testRun.RunID ||
		out.Source != "/llac/stager" {
		t.Errorf("envelope %+v", out)
	}
	if out.TraceParent != telemetry.TraceParent(ctx) || !strings.Contains(out.TraceParent, "5759e988bd862e3fe1be46a994272793") {
		t.Errorf("traceparent %q, want the run's trace", out.TraceParent)
	}
}

func TestRedeliveryPublishesTheSameEventsWithoutHandlingAgain(t *testing.T) {
	t.Parallel()
	b := newTestWorker(t, stage)
	b.fail = errors.New("SNS is not well")
	if _, what, _ := b.work(t.Context(), delivery(validated(t), 1)); what != again {
		t.Fatalf("fate %v after a failed publish, want %v", what, again)
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

func TestPermanentFailuresGoToTheDeadLetterQueue(t *testing.T) {
	t.Parallel()
	unknown := strings.Replace(validated(t), "cat.llac.landing.validated.v1", "cat.llac.landing.validated.v9", 1)
	for name, c := range map[string]struct {
		body, reason string
		handler      Handler
		failed       bool // run.failed is published
	}{
		"not an envelope": {"{", "not a CloudEvents JSON document", stage, false},
		"not UTF-8":       {"\xff\xfe", "not a CloudEvents JSON document", stage, false},
		"unknown version": {unknown, "deploy the consumer before the producer", stage, true},
		"permanent failure": {validated(t), "no such column", func(context.Context, events.Event) ([]events.Event, error) {
			return nil, Permanent(errors.New("no such column"))
		}, true},
		"wrapped permanent": {validated(t), "stage: integrity", func(context.Context, events.Event) ([]events.Event, error) {
			return nil, fmt.Errorf("stage: %w", &lake.IntegrityError{})
		}, true},
		"panic": {validated(t), "panic in stager", func(context.Context, events.Event) ([]events.Event, error) {
			panic("a personal value")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTestWorker(t, c.handler)
			_, what, err := b.work(t.Context(), delivery(c.body, 1))
			if what != dead || err == nil || !strings.Contains(err.Error(), c.reason) {
				t.Fatalf("fate %v, error %v; want the fate dead and an error with %q", what, err, c.reason)
			}
			if strings.Contains(err.Error(), "personal") {
				t.Errorf("the reason contains the value of the panic: %v", err)
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
			if err != nil || p.RunID != testRun.RunID || p.Failure.Class != "permanent" || p.Failure.Tries != 1 ||
				!strings.Contains(p.Failure.Reason, c.reason) {
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
	b := newTestWorker(t, func(context.Context, events.Event) ([]events.Event, error) { return nil, errors.New("portal is down") })
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
	if err != nil || p.Failure.Class != "transient" || p.Failure.Tries != 3 ||
		p.Failure.EventID != "municipalities/20250803T140512/validator/1" {
		t.Errorf("failure %+v %v", p.Failure, err)
	}
}

func TestAMessageThatKillsItsServiceIsGivenUpWithoutAnotherTry(t *testing.T) {
	t.Parallel()
	b := newTestWorker(t, stage)
	_, what, err := b.work(t.Context(), delivery(validated(t), 4))
	if what != dead || !strings.Contains(err.Error(), "received 3 times and not settled") || slices.Contains(b.steps, "handle") {
		t.Errorf("%v %v %v", what, err, b.steps)
	}
}

// A message with a receipt is acknowledged, even if another message of its batch killed the process before each acknowledgement.
func TestAMessageWithAReceiptIsAcknowledgedHoweverOftenItWasReceived(t *testing.T) {
	t.Parallel()
	b := newTestWorker(t, stage)
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
			t.Errorf("a failure was recorded: %s", key)
		}
	}
}

func TestGivingUpIsRepeatedWithTheSameEvents(t *testing.T) {
	t.Parallel()
	b := newTestWorker(t, func(context.Context, events.Event) ([]events.Event, error) { return nil, Permanent(errors.New("no")) })
	b.fail = errors.New("SNS is not well")
	if _, what, err := b.work(t.Context(), delivery(validated(t), 1)); what != again || !strings.Contains(err.Error(), "SNS is not well") {
		t.Fatalf("%v %v, want the message returned to the queue: its failure is not published", what, err)
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
	replayed := delivery(validated(t), 1)
	replayed.MessageID = "m2"
	if _, what, _ := b.work(t.Context(), replayed); what != dead || len(b.published) != 1 {
		t.Fatalf("a replayed message that fails again: fate %v, published %v; want a second failure", what, b.published)
	}
}

func TestGaveUpOfTheService(t *testing.T) {
	t.Parallel()
	b := newTestWorker(t, func(context.Context, events.Event) ([]events.Event, error) { return nil, Permanent(errors.New("no")) })
	b.service.Emits = events.TypesOf(events.ExtractionFailed{})
	b.service.GaveUp = Fails(func(run events.Run, f events.Failure) events.Payload {
		return events.ExtractionFailed{Run: run, Failure: f}
	})
	if _, what, _ := b.work(t.Context(), delivery(validated(t), 1)); what != dead ||
		b.published[0].Type != (events.ExtractionFailed{}).EventType() {
		t.Errorf("%v %v", what, b.published)
	}
	for name, gaveUp := range map[string]func(events.Event, events.Failure) []events.Event{
		"panics": func(events.Event, events.Failure) []events.Event { panic("bug") }, "emits nothing": FailsSilently,
	} {
		b = newTestWorker(t, b.handler)
		b.service.GaveUp = gaveUp
		if _, what, _ := b.work(t.Context(), delivery(validated(t), 1)); what != dead || len(b.published) != 0 {
			t.Errorf("GaveUp %s: fate %v, published %v; want the message in the dead-letter queue", name, what, b.published)
		}
		if want := lake.FailureKey(testRun.Dataset, testRun.RunID, "stager", "m1"); !slices.Contains(b.lake.Keys(), want) {
			t.Errorf("GaveUp %s: wrote %v, want the failure record %s", name, b.lake.Keys(), want)
		}
	}
}

func TestStopIsNotAFailure(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	b := newTestWorker(t, func(ctx context.Context, _ events.Event) ([]events.Event, error) {
		cancel()
		return nil, ctx.Err()
	})
	if _, what, _ := b.work(ctx, delivery(validated(t), 3)); what != release || len(b.published) != 0 {
		t.Errorf("%v %v, want the message released although it was its last try", what, b.published)
	}
}

func TestAFailureAfterTheDeadlineIsRecordedAndPublished(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	b := newTestWorker(t, func(ctx context.Context, _ events.Event) ([]events.Event, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if _, what, err := b.work(ctx, delivery(validated(t), 3)); what != dead || len(b.published) != 1 {
		t.Errorf("%v %v %v, want the failure recorded and published after the deadline", what, err, b.published)
	}
}

// TestInvalidNamesDoNotBecomeKeys checks that neither a record nor run.failed is made of a run whose names are not Llac's.
func TestInvalidNamesDoNotBecomeKeys(t *testing.T) {
	t.Parallel()
	for data, valid := range map[string]bool{
		`{"dataset":"d","run_id":"20250803T051500"}`:      true,
		`{"dataset":"d","run_id":"20250803T051500-y1.5"}`: true,
		`{}`: false, `[]`: false, `{"dataset":1}`: false, `{"dataset":"d"}`: false, `{"dataset":"d","run_id":""}`: false,
		`{"dataset":"../../x","run_id":"r"}`: false, `{"dataset":"d","run_id":"a/b"}`: false,
		`{"dataset":"..","run_id":"r"}`: false, `{"dataset":"d","run_id":"a..b"}`: false,
	} {
		b := newTestWorker(t, func(context.Context, events.Event) ([]events.Event, error) { return nil, Permanent(errors.New("no")) })
		e := events.New(events.LandingValidated{Run: testRun})
		e.Data = []byte(data)
		what, err := b.deliverEvent(t, e)
		if what != dead || (len(b.lake.Keys()) == 1) != valid || (len(b.published) == 1) != valid {
			t.Errorf("%s: %v %v, keys %v, published %v", data, what, err, b.lake.Keys(), b.published)
		}
	}
}

// deliverEvent delivers an event of any type.
func (b *testWorker) deliverEvent(t *testing.T, e events.Event) (fate, error) {
	t.Helper()
	e.ID = "x/1"
	body, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	_, what, err := b.work(t.Context(), delivery(string(body), 1))
	return what, err
}

// counted counts the measurements with one name.
type counted struct {
	name string
	n    int
}

func (c *counted) Record(_ context.Context, name string, _ float64, _ telemetry.Unit, _ ...any) {
	if name == c.name {
		c.n++
	}
}

func TestEventThatTheServiceDoesNotConsumeIsIgnored(t *testing.T) {
	t.Parallel()
	for name, eventType := range map[string]string{
		"known type": events.LandingWritten{}.EventType(), "unknown type": "cat.llac.landing.measured.v1",
		"type of another system": "com.example.thing",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTestWorker(t, stage)
			metrics := &counted{name: metricNotConsumed}
			var log bytes.Buffer
			b.ports.Metrics, b.ports.Log = metrics, telemetry.NewLogger(&log, slog.LevelInfo, "stager", telemetry.Forbid())
			e := events.New(events.LandingWritten{Run: testRun})
			e.Type = eventType
			if what, _ := b.deliverEvent(t, e); what != ignored {
				t.Errorf("fate %v, want ignored", what)
			}
			if len(b.published)+len(b.lake.Keys())+len(b.steps) != 0 {
				t.Errorf("published %v, keys %v, steps %v", b.published, b.lake.Keys(), b.steps)
			}
			if metrics.n != 1 || !strings.Contains(log.String(), `"level":"WARN"`) || !strings.Contains(log.String(), eventType) {
				t.Errorf("counted %d times, logged %s", metrics.n, log.String())
			}
		})
	}
}

// Another version of a consumed event may be a newer one: acknowledging the message would lose the event.
func TestAnotherVersionOfAConsumedEventIsNotIgnored(t *testing.T) {
	t.Parallel()
	for _, eventType := range []string{"cat.llac.landing.validated.v2", "cat.llac.landing.validated.v10", "cat.llac.landing.validated"} {
		b := newTestWorker(t, stage)
		e := events.New(events.LandingValidated{Run: testRun})
		e.Type = eventType
		what, err := b.deliverEvent(t, e)
		if what != dead || !strings.Contains(err.Error(), "deploy the consumer before the producer") {
			t.Errorf("%s: %v %v, want it in the dead-letter queue", eventType, what, err)
		}
	}
}

func TestEventThatTheServiceDoesNotEmitIsRefused(t *testing.T) {
	t.Parallel()
	b := newTestWorker(t, func(context.Context, events.Event) ([]events.Event, error) {
		return []events.Event{events.New(events.StagingWritten{Run: testRun}), events.New(events.StagingPublished{Run: testRun})}, nil
	})
	b.service.GaveUp = FailsSilently
	_, what, err := b.work(t.Context(), delivery(validated(t), 1))
	if want := "emit cat.llac.staging.published.v1: stager does not declare this event type"; what != dead ||
		!strings.Contains(err.Error(), want) {
		t.Errorf("fate %v, error %v; want the fate dead and an error with %q", what, err, want)
	}
	if keys := b.lake.Keys(); len(b.published) != 0 || len(keys) != 1 || !strings.Contains(keys[0], ".failed.") {
		t.Errorf("published %v, wrote %v; want only the failure record", b.published, keys)
	}
}

func TestGaveUpCannotEmitUndeclaredEvents(t *testing.T) {
	t.Parallel()
	b := newTestWorker(t, func(context.Context, events.Event) ([]events.Event, error) { return nil, Permanent(errors.New("no")) })
	b.service.Emits = events.TypesOf(events.StagingWritten{})
	if _, what, err := b.work(t.Context(), delivery(validated(t), 1)); what != dead || len(b.published) != 0 {
		t.Errorf("%v %v, published %v; want only the dead letter", what, err, b.published)
	}
}

// An event may name a dataset and a run without belonging to the run. Giving up on such an event does not fail the run.
func TestGivingUpOnAnEventThatOnlyNamesARunFailsNoRun(t *testing.T) {
	t.Parallel()
	for name, gaveUp := range map[string]func(events.Event, events.Failure) []events.Event{
		"silent": FailsSilently, "fails runs": FailsRun,
	} {
		b := newTestWorker(t, func(context.Context, events.Event) ([]events.Event, error) {
			return nil, Permanent(errors.New("webhook responded with 410 Gone"))
		})
		b.service = Service{
			Name: "notifier", Consumes: events.TypesOf(events.IncidentOpened{}), Emits: events.TypesOf(events.RunFailed{}),
			Receipt: func(events.Event) string { return "" }, GaveUp: gaveUp,
		}
		what, err := b.deliverEvent(t, events.New(events.IncidentOpened{Dataset: "d", RunID: "20250803T051500", Summary: "s"}))
		if what != dead || len(b.published)+len(b.lake.Keys()) != 0 {
			t.Errorf("%s: %v %v, published %v, wrote %v; want only the dead letter", name, what, err, b.published, b.lake.Keys())
		}
	}
}

// The failure record contains the body of the portal's error response, which helps to repair the contract.
func TestTheFailureRecordContainsThePortalsResponse(t *testing.T) {
	t.Parallel()
	const body = `{"message":"No such column: nom","errorCode":"query.soql.no-such-column"}`
	b := newTestWorker(t, func(context.Context, events.Event) ([]events.Event, error) {
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
		t.Errorf("the record contains %q (%v)", record.Answer, err)
	}
}

package runtime

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/telemetry"
)

// worker handles the deliveries of a service. It depends neither on Lambda nor on the consumer: it returns the fate of the
// message, and its caller acknowledges, retries or rejects the message accordingly.
type worker struct {
	service     Service
	ports       Ports
	handle      Handler
	publish     func(context.Context, []events.Event) error
	tracer      trace.Tracer
	maxReceives int
}

// fate is what happens to a message after it was handled.
type fate int

const (
	done    fate = iota // delete it
	again               // return it to the queue, visible after the backoff
	dead                // send it to the dead-letter queue, then delete it
	release             // return it to the queue, visible at once, because the service is stopping
	ignored             // delete it: the service does not consume such events
	later               // return it to the queue, visible at the time that the error states (NotBefore)
)

func (f fate) String() string {
	return [...]string{done: "ok", again: "retry", dead: "dead_letter", release: "released", ignored: "ignored", later: "postponed"}[f]
}

// work handles one delivery and returns the context of its span. The error is the reason for a fate other than done. The order
// of the steps is that of invariant 1: effects and receipt (in Process), then events; the caller acknowledges after that.
func (w *worker) work(ctx context.Context, d *messaging.Delivery) (context.Context, fate, error) {
	in, err := w.accept(d)
	ctx, span := w.begin(ctx, d, in)
	used := new(lake.Usage)
	ctx = lake.WithUsage(ctx, used)
	defer func() {
		recordUsage(span, used)
		span.End()
	}()
	started := w.ports.Clock.Now()
	var what fate
	if errors.Is(err, errNotConsumed) {
		what = ignored
	} else if err != nil {
		what, err = w.giveUp(ctx, d, in, Permanent(err))
	} else {
		what, err = w.try(ctx, d, in)
	}
	w.end(ctx, span, started, what, err)
	return ctx, what, err
}

// errNotConsumed is the reason for ignoring an event.
var errNotConsumed = errors.New("the service does not consume this event type; check the filter policy of its subscription")

// accept parses the envelope and checks the event type. An error other than errNotConsumed is permanent.
//
// Only foreign event types are ignored. A different version of a consumed type goes to the dead-letter queue, from which it can
// be replayed, because this build may be too old for it.
func (w *worker) accept(d *messaging.Delivery) (events.Event, error) {
	in, err := events.Parse([]byte(d.Body))
	switch {
	case err != nil:
		return in, err
	case slices.Contains(w.service.Consumes, in.Type):
		return in, nil
	case slices.ContainsFunc(w.service.Consumes, func(t string) bool { return events.Base(t) == events.Base(in.Type) }):
		return in, fmt.Errorf("%w %q: build %s of %s consumes another version; "+
			"deploy the consumer before the producer, then replay the message",
			events.ErrUnknownType, in.Type, w.ports.Build, w.service.Name)
	}
	return in, errNotConsumed
}

// begin starts the span of a delivery and adds the run to the context of its logs.
func (w *worker) begin(ctx context.Context, d *messaging.Delivery, in events.Event) (context.Context, trace.Span) {
	// Invariant 7: the envelope names the parent span. The trace that Lambda and SNS create for X-Ray is linked.
	ctx = telemetry.WithTraceParent(ctx, in.TraceParent, in.TraceState)
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("messaging.system", "aws_sqs"), attribute.String("messaging.operation.type", "process"),
		attribute.String("messaging.destination.name", d.Queue), attribute.String("messaging.message.id", d.MessageID),
		attribute.String("messaging.message.conversation_id", in.CorrelationID), attribute.Int("llac.receives", d.Receives),
		attribute.String("llac.event_type", in.Type), attribute.String("llac.event_id", in.ID),
		attribute.String("llac.dataset", in.Subject))}
	if sc, ok := telemetry.ParseXRayHeader(d.TraceHeader); ok && sc.TraceID() != trace.SpanContextFromContext(ctx).TraceID() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: sc}))
	}
	ctx, span := w.tracer.Start(ctx, "process "+d.Queue, options...)
	return telemetry.With(ctx, telemetry.KeyCorrelationID, in.CorrelationID, telemetry.KeyDataset, in.Subject,
		telemetry.KeyEventType, in.Type, "event_id", in.ID, "message_id", d.MessageID), span
}

// end records the outcome of a delivery: the metric, the log line and the status of the span.
func (w *worker) end(ctx context.Context, span trace.Span, started time.Time, what fate, err error) {
	took := w.ports.Clock.Now().Sub(started)
	switch what {
	case release, later: // nothing failed, and the handling is not complete
	case ignored:
		w.ports.Metrics.Record(ctx, metricNotConsumed, 1, telemetry.Count)
	default:
		w.ports.Metrics.Record(ctx, metricProcessDuration, float64(took)/float64(time.Millisecond), telemetry.Milliseconds,
			telemetry.KeyOutcome, what.String())
	}
	span.SetAttributes(attribute.String("llac.outcome", what.String()))
	log := w.ports.Log.With("outcome", what.String(), "duration_ms", took.Milliseconds())
	switch what {
	case done:
		log.InfoContext(ctx, "event handled")
		return
	case release:
		log.InfoContext(ctx, "event not handled: the service is stopping")
		return
	case ignored:
		log.WarnContext(ctx, "event ignored", "error", err.Error())
		return
	case later:
		until, _ := NotBefore(err)
		log.WarnContext(ctx, "event waits: the portal asked for it", "until", until, "error", messaging.Reason(err))
		return
	case dead:
		log.ErrorContext(ctx, "event given up", "error", messaging.Reason(err))
	default:
		log.WarnContext(ctx, "event will be retried", "error", messaging.Reason(err))
	}
	span.SetStatus(codes.Error, messaging.Reason(err))
}

// try runs the handler under its receipt and emits the events that follow.
func (w *worker) try(ctx context.Context, d *messaging.Delivery, in events.Event) (fate, error) {
	handle := w.handle
	if err := w.recall(ctx, d, in); err != nil {
		if _, waits := NotBefore(err); waits {
			return w.postpone(ctx, d, in, err, false)
		}
		return again, err
	}
	if w.maxReceives > 0 && d.Tries() > w.maxReceives {
		// Do not call the handler again. Process still reads the receipt first: if it exists, an earlier delivery succeeded, and
		// only its events or the acknowledgement may be missing. Another message of the batch may have killed the process then.
		handle = func(context.Context, events.Event) ([]events.Event, error) {
			return nil, fmt.Errorf("received %d times and not settled: the process died, ran out of time, or could not record the "+
				"failure; see its log", d.Tries()-1)
		}
	}
	out, err := w.safely(ctx, func(ctx context.Context) ([]events.Event, error) {
		return Process(ctx, w.service, w.ports, handle, in)
	})
	if err == nil {
		w.ports.Failpoint("receipt-publish")
		if err = w.emit(ctx, out); err == nil {
			w.ports.Failpoint("publish-ack")
			return done, nil
		}
	}
	switch {
	case errors.Is(context.Cause(ctx), context.Canceled):
		return release, err // a stop, not a failure
	case IsPermanent(err):
		return w.giveUp(ctx, d, in, err)
	}
	if _, waits := NotBefore(err); waits {
		return w.postpone(ctx, d, in, err, true)
	}
	if w.maxReceives > 0 && d.Tries() >= w.maxReceives {
		return w.giveUp(ctx, d, in, err)
	}
	return again, err
}

// safely calls f and turns a panic into a permanent error. It logs the stack. The error, which people see in the dead-letter
// queue, contains neither the stack nor the value of the panic: the value may contain personal data.
func (w *worker) safely(ctx context.Context, f func(context.Context) ([]events.Event, error)) (out []events.Event, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.ports.Log.ErrorContext(ctx, "panic", "type", fmt.Sprintf("%T", p), "stack", stack())
			out, err = nil, Permanent(fmt.Errorf("panic in %s (%T); the stack is in its log", w.service.Name, p))
		}
	}()
	return f(ctx)
}

// stack returns the stack of a panic without the values of the arguments.
func stack() string {
	lines := strings.Split(string(debug.Stack()), "\n")
	for i, line := range lines {
		if open := strings.LastIndexByte(line, '('); open > 0 && !strings.HasPrefix(line, "\t") {
			lines[i] = line[:open]
		}
	}
	return strings.Join(lines, "\n")
}

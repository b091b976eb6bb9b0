package telemetry

import (
	"context"
	"encoding/hex"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// XRayHeaderName is the HTTP header in which AWS services carry X-Ray's trace context. SQS hands it to the consumer
// as the system attribute AWSTraceHeader.
const XRayHeaderName = "X-Amzn-Trace-Id"

// XRayHeader is X-Ray's header for the span in ctx, or "".
func XRayHeader(ctx context.Context) string {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return ""
	}
	id, sampled := sc.TraceID().String(), "0"
	if sc.IsSampled() {
		sampled = "1"
	}
	return "Root=1-" + id[:8] + "-" + id[8:] + ";Parent=" + sc.SpanID().String() + ";Sampled=" + sampled
}

// ParseXRayHeader reads X-Ray's header. Parts it does not know (Self, Lineage) are ignored. A header without a
// parent span names a trace but no place in it, and is not taken.
func ParseXRayHeader(header string) (trace.SpanContext, bool) {
	var c trace.SpanContextConfig
	for part := range strings.SplitSeq(header, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch key {
		case "Root":
			epoch, ok := strings.CutPrefix(value, "1-")
			if !ok {
				return trace.SpanContext{}, false
			}
			id, err := hex.DecodeString(strings.Replace(epoch, "-", "", 1))
			if err != nil || len(id) != len(c.TraceID) {
				return trace.SpanContext{}, false
			}
			copy(c.TraceID[:], id)
		case "Parent":
			id, err := hex.DecodeString(value)
			if err != nil || len(id) != len(c.SpanID) {
				return trace.SpanContext{}, false
			}
			copy(c.SpanID[:], id)
		case "Sampled":
			if value == "1" {
				c.TraceFlags = trace.FlagsSampled
			}
		}
	}
	c.Remote = true
	sc := trace.NewSpanContext(c)
	return sc, sc.IsValid()
}

// TraceParent is the W3C traceparent of the span in ctx, or "". Event envelopes carry it (invariant 7).
func TraceParent(ctx context.Context) string {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return ""
	}
	return "00-" + sc.TraceID().String() + "-" + sc.SpanID().String() + "-" + sc.TraceFlags().String()
}

// TraceState is the W3C tracestate of the span in ctx, or "".
func TraceState(ctx context.Context) string {
	return trace.SpanContextFromContext(ctx).TraceState().String()
}

// WithTraceParent makes the remote span that an envelope names the parent of spans started from the context
// returned. A traceparent that is empty or malformed leaves ctx as it is.
func WithTraceParent(ctx context.Context, traceparent, tracestate string) context.Context {
	if traceparent == "" {
		return ctx
	}
	carrier := propagation.MapCarrier{"traceparent": traceparent}
	if tracestate != "" {
		carrier["tracestate"] = tracestate
	}
	return propagation.TraceContext{}.Extract(ctx, carrier)
}

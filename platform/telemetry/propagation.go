package telemetry

import (
	"context"
	"encoding/hex"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// XRayHeaderName is the HTTP header in which AWS services carry X-Ray's trace context. A consumer of SQS receives it as the
// system attribute AWSTraceHeader.
const XRayHeaderName = "X-Amzn-Trace-Id"

// XRayHeader returns X-Ray's header for the span in ctx, or "" if there is no span.
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

// ParseXRayHeader parses X-Ray's header. It ignores unknown parts, such as Self and Lineage. A header without a parent span is
// not valid, because it does not identify a place in the trace.
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

// TraceParent returns the W3C traceparent of the span in ctx, or "" if there is no span. Event envelopes carry it (invariant 7).
func TraceParent(ctx context.Context) string {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return ""
	}
	return "00-" + sc.TraceID().String() + "-" + sc.SpanID().String() + "-" + sc.TraceFlags().String()
}

// TraceState returns the W3C tracestate of the span in ctx, or "" if there is no span.
func TraceState(ctx context.Context) string {
	return trace.SpanContextFromContext(ctx).TraceState().String()
}

// WithTraceParent returns a context in which the remote span that an envelope names is the parent of new spans. It returns ctx
// unchanged when the traceparent is empty or malformed.
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

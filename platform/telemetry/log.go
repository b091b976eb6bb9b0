package telemetry

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

// Keys of the log lines of a run. Operators search for a run by them.
const (
	KeyCorrelationID = "correlation_id"
	KeyDataset       = "dataset"
	KeyEventType     = "event_type"
	KeyService       = "service"
	KeyTraceID       = "trace_id"
	KeySpanID        = "span_id"
)

type logAttributes struct{}

// With returns a context that adds attributes to every log line written with it. args are alternating keys and values, as in
// slog. A repeated key replaces the earlier value.
func With(ctx context.Context, args ...any) context.Context {
	added := slog.Group("", args...).Value.Group()
	before := contextAttributes(ctx)
	all := make([]slog.Attr, 0, len(before)+len(added))
	for _, a := range before {
		if !slices.ContainsFunc(added, func(b slog.Attr) bool { return b.Key == a.Key }) {
			all = append(all, a)
		}
	}
	return context.WithValue(ctx, logAttributes{}, append(all, added...))
}

// NewLogger returns a logger that writes JSON lines to w. Each line carries the service, the attributes that With added to its
// context, and the ids of the context's span. Values of forbidden keys are replaced.
func NewLogger(w io.Writer, level slog.Leveler, service string, forbidden Forbidden) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if forbidden.Has(a.Key) && a.Value.Kind() != slog.KindGroup {
			return slog.String(a.Key, redacted)
		}
		return a
	}})
	log := slog.New(contextHandler{h})
	if service != "" {
		log = log.With(KeyService, service)
	}
	return log
}

type contextHandler struct{ slog.Handler }

func (h contextHandler) Handle(ctx context.Context, r slog.Record) error {
	if attrs := contextAttributes(ctx); len(attrs) > 0 {
		r.AddAttrs(attrs...)
	}
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		r.AddAttrs(slog.String(KeyTraceID, sc.TraceID().String()), slog.String(KeySpanID, sc.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextHandler{h.Handler.WithAttrs(attrs)}
}

func (h contextHandler) WithGroup(name string) slog.Handler {
	return contextHandler{h.Handler.WithGroup(name)}
}

const redacted = "[redacted]"

// Forbidden is a set of attribute keys whose values are never written. It is a second protection: code must not log personal
// values or secrets in the first place (invariant 8).
type Forbidden map[string]bool

// secrets lists the keys whose values no program may log.
var secrets = []string{
	"authorization", "app_token", "x-app-token", "socrata_app_token", "token", "session_token", "password", "secret",
	"secret_access_key", "aws_secret_access_key", "access_key_id", "credentials", "cookie", "row", "rows_sample",
	"email", "phone", "telephone", "nif", "dni",
}

// Forbid returns the set of the keys of secrets and the given keys, for example a contract's personal columns.
func Forbid(keys ...string) Forbidden {
	f := make(Forbidden, len(secrets)+len(keys))
	for _, k := range append(secrets[:len(secrets):len(secrets)], keys...) {
		f[strings.ToLower(k)] = true
	}
	return f
}

// Has reports whether the key is forbidden, ignoring case.
func (f Forbidden) Has(key string) bool { return f[key] || f[strings.ToLower(key)] }

func contextAttributes(ctx context.Context) []slog.Attr {
	attrs, _ := ctx.Value(logAttributes{}).([]slog.Attr)
	return attrs
}

func traceID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		return sc.TraceID().String()
	}
	return ""
}

// NoLog returns a logger that discards all lines.
func NoLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

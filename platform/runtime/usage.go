package runtime

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// Attributes of a process span that count the requests of the delivery. `llac cost` reads them from the span file.
const (
	AttributeGets         = "llac.store.gets"
	AttributePuts         = "llac.store.puts"
	AttributeLists        = "llac.store.lists"
	AttributeDeletes      = "llac.store.deletes"
	AttributeBytesRead    = "llac.store.bytes_read"
	AttributeBytesWritten = "llac.store.bytes_written"
	AttributePublished    = "llac.published" // messages
)

// recordUsage sets the number of requests of one delivery on its span.
func recordUsage(span trace.Span, u *lake.Usage) {
	span.SetAttributes(
		attribute.Int64(AttributeGets, u.Gets.Load()), attribute.Int64(AttributePuts, u.Puts.Load()),
		attribute.Int64(AttributeLists, u.Lists.Load()), attribute.Int64(AttributeDeletes, u.Deletes.Load()),
		attribute.Int64(AttributeBytesRead, u.BytesRead.Load()), attribute.Int64(AttributeBytesWritten, u.BytesWritten.Load()),
	)
}

// emit publishes events and sets their number on the span of the delivery.
func (w *worker) emit(ctx context.Context, out []events.Event) error {
	err := w.publish(ctx, out)
	if err == nil {
		trace.SpanFromContext(ctx).SetAttributes(attribute.Int(AttributePublished, len(out)))
	}
	return err
}

package telemetry

import (
	"context"
	"crypto/rand"
	"encoding/binary"

	"go.opentelemetry.io/otel/trace"

	"github.com/llac-project/llac/platform/clock"
)

// xrayIDs generates trace ids that X-Ray accepts: the first four bytes are the epoch second of the trace's start. X-Ray rejects
// ids that are older than 30 days. Other systems treat them as ordinary W3C ids.
type xrayIDs struct {
	clock  clock.Clock
	random func([]byte)
}

func newXRayIDs(c clock.Clock, random func([]byte)) xrayIDs {
	if random == nil {
		random = func(b []byte) { _, _ = rand.Read(b) } // crypto/rand.Read never fails since Go 1.24
	}
	return xrayIDs{clock: c, random: random}
}

// NewIDs implements the id generator of OpenTelemetry.
func (g xrayIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	var id trace.TraceID
	g.random(id[4:])
	binary.BigEndian.PutUint32(id[:4], uint32(g.clock.Now().Unix()))
	return id, g.NewSpanID(ctx, id)
}

// NewSpanID implements the id generator of OpenTelemetry.
func (g xrayIDs) NewSpanID(context.Context, trace.TraceID) trace.SpanID {
	var id trace.SpanID
	for !id.IsValid() { // all zeros means "no span"
		g.random(id[:])
	}
	return id
}

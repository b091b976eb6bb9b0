package telemetry

import (
	"context"
	"crypto/rand"
	"encoding/binary"

	"go.opentelemetry.io/otel/trace"

	"github.com/llac-project/llac/platform/clock"
)

// xrayIDs makes trace ids that X-Ray takes: the first four bytes are the epoch second of the trace's start, which
// X-Ray refuses when it is older than 30 days. They are ordinary W3C ids to everybody else.
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

// NewIDs implements the OpenTelemetry id generator.
func (g xrayIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	var id trace.TraceID
	g.random(id[4:])
	binary.BigEndian.PutUint32(id[:4], uint32(g.clock.Now().Unix()))
	return id, g.NewSpanID(ctx, id)
}

// NewSpanID implements the OpenTelemetry id generator.
func (g xrayIDs) NewSpanID(context.Context, trace.TraceID) trace.SpanID {
	var id trace.SpanID
	for !id.IsValid() { // all zeros means "no span"
		g.random(id[:])
	}
	return id
}

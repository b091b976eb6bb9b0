package scheduler

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
	"github.com/llac-project/llac/platform/telemetry"
)

// measured remembers measurements.
type measured struct {
	mu  sync.Mutex
	all []string
}

func (m *measured) Record(_ context.Context, name string, value float64, _ telemetry.Unit, properties ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, fmt.Sprint(name, " ", value, " ", properties))
}

// Every tick measures how old each dataset is and how many are stale, so that an alarm ends when they are fresh again.
func TestEveryTickMeasuresFreshness(t *testing.T) {
	t.Parallel()
	c := runtimetest.Parse(t, "things", runtimetest.Shape{}.Text())
	b := runtimetest.New(t, c)
	m := &measured{}
	b.Ports.Metrics = m
	b.Put(t, lake.PointerKey("things"), lake.Pointer{Dataset: "things", Snapshot: "20250801T063000", PublishedAt: runtimetest.Start})
	for _, at := range []time.Duration{time.Hour, 40 * time.Hour} {
		b.Clock.Set(runtimetest.Start.Add(at))
		tick := events.ScheduleTicked{ScheduledAt: runtimetest.Start.Add(at)}
		if _, err := b.Deliver(t.Context(), Service, runtimetest.Event(at.String(), tick)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		"freshness_age 3600 [dataset things freshness_limit 129600 stale false]", "datasets_stale 0 []",
		"freshness_age 144000 [dataset things freshness_limit 129600 stale true]", "datasets_stale 1 []",
	} {
		if !slices.Contains(m.all, want) {
			t.Errorf("no %q in %q", want, m.all)
		}
	}
}

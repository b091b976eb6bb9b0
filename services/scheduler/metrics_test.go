package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
	"github.com/llac-project/llac/platform/telemetry"
)

// measurements records measurements for a test to check.
type measurements struct {
	mu  sync.Mutex
	all []string
}

func (m *measurements) Record(_ context.Context, name string, value float64, _ telemetry.Unit, properties ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, fmt.Sprint(name, " ", value, " ", properties))
}

// Every tick measures how old each dataset is and how many are stale, so that an alarm ends when they are fresh again.
func TestEveryTickMeasuresFreshness(t *testing.T) {
	t.Parallel()
	c := runtimetest.Parse(t, "things", runtimetest.Shape{}.Text())
	b := runtimetest.New(t, c)
	m := &measurements{}
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
			t.Errorf("measurement %q is missing in %q", want, m.all)
		}
	}
}

// In an environment without contracts a tick succeeds, so it does not become a dead letter. It records no measurement, so
// the heartbeat alarm also detects a list of contracts that was deleted.
func TestTickBeforeAnyContract(t *testing.T) {
	t.Parallel()
	b := runtimetest.New(t)
	m := &measurements{}
	b.Ports.Metrics = m
	b.Ports.Contracts = &runtime.ConfigContracts{Store: laketest.NewMemory()}
	deliver := func(p events.Payload) ([]events.Event, error) {
		return b.Deliver(t.Context(), Service, runtimetest.Event("one"+p.EventType(), p))
	}
	out, err := deliver(events.ScheduleTicked{ScheduledAt: b.Clock.Now()})
	if err != nil || len(out) > 0 || len(m.all) > 0 {
		t.Errorf("a tick without contracts: %v, %v, measured %q", out, err, m.all)
	}
	_, err = deliver(events.RunRequested{Dataset: "things", RequestedAt: b.Clock.Now(), Trigger: "manual"})
	if !errors.Is(err, runtime.ErrNoContracts) {
		t.Errorf("a person's request failed with %v, want %v", err, runtime.ErrNoContracts)
	}
}

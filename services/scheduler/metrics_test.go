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

// An environment whose contracts are yet to come is not in trouble: its ticks are no dead letters. They are not counted either, so that the
// heartbeat alarm tells of a list of contracts that is gone.
func TestTickBeforeAnyContract(t *testing.T) {
	t.Parallel()
	b := runtimetest.New(t)
	m := &measured{}
	b.Ports.Metrics = m
	b.Ports.Contracts = &runtime.ConfigContracts{Store: laketest.NewMemory()}
	tick := func(p events.Payload) ([]events.Event, error) {
		return b.Deliver(t.Context(), Service, runtimetest.Event("one"+p.EventType(), p))
	}
	out, err := tick(events.ScheduleTicked{ScheduledAt: b.Clock.Now()})
	if err != nil || len(out) > 0 || len(m.all) > 0 {
		t.Errorf("a tick without contracts: %v, %v, measured %q", out, err, m.all)
	}
	if _, err := tick(events.RunRequested{Dataset: "things", RequestedAt: b.Clock.Now(), Trigger: "manual"}); !errors.Is(err, runtime.ErrNoContracts) {
		t.Errorf("a person who asks for a run is told %v", err)
	}
}

//go:build slow

package extend

import (
	"strings"
	"testing"
)

// service holds the files of a new service that a developer writes, besides three edits. The files of modules are written by
// `make service-module`.
var service = map[string]string{
	"services/counter/counter.go": `// Package counter counts the snapshots that are published.
package counter

import (
	"context"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/telemetry"
)

// Service is the counter.
var Service = runtime.Service{
	Name:     "counter",
	Consumes: events.Consumes("counter"),
	Emits:    events.Emits("counter"),
	New:      runtime.Construct(func(p ports) runtime.Handler { return counter{p}.handle }),
	Size:     runtime.Size{MemoryMiB: 128, Timeout: time.Minute, BatchSize: 10, MaximumConcurrency: 2},
	Stage:    runtime.Stage{Outside: true},
	Receipt:  func(events.Event) string { return "" },
	GaveUp:   runtime.FailsSilently,
}

// ports are what the counter asks of the runtime.
type ports struct{ Metrics telemetry.Metrics }

type counter struct{ ports ports }

func (c counter) handle(ctx context.Context, in events.Event) ([]events.Event, error) {
	p, err := events.As[events.StagingPublished](in)
	if err != nil {
		return nil, runtime.Permanent(err)
	}
	c.ports.Metrics.Record(ctx, "snapshots", 1, telemetry.Count, "dataset", p.Dataset)
	return nil, nil
}
`,
	"services/counter/counter_test.go": `package counter

import (
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

func TestCounter(t *testing.T) {
	t.Parallel()
	out, err := runtimetest.New(t).Deliver(t.Context(), Service, runtimetest.Event("1", events.StagingPublished{}))
	if err != nil || len(out) != 0 {
		t.Errorf("%d events, error %v; want none", len(out), err)
	}
}
`,
	"services/counter/cmd/counter/main.go": `// Command counter counts the snapshots that are published.
package main

import (
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/services/counter"
)

func main() { runtime.Main(counter.Service) }
`,
	"terraform/policies/counter.json": `{
  "architecture_name": "LambdaCounterRole",
  "about": "Reads events and writes nothing.",
  "statements": []
}
`,
}

const flowOfTheCounter = `	{
		Service:  "counter",
		Consumes: TypesOf(StagingPublished{}),
	},
}

// Consumes returns`

// A service is four files, one entry of events.Flow and one line of operations/services: six files, and the files of modules,
// which a command writes. What is forgotten on the way is reported by name.
func TestAddService(t *testing.T) {
	t.Parallel()
	dir := Copy(t)
	for name, content := range service {
		Write(t, dir, name, content)
	}
	mustFail(t, dir, []string{"counter"}, "go", "build", "./services/counter/...")

	Run(t, dir, "make", "service-module", "SERVICE=counter")
	mustFail(t, dir, []string{"module services/counter: in go.work but not in operations/services"}, "go", "test", "./operations/services")

	Edit(t, dir, "operations/services/services.go", "\tfetcher \"",
		"\tcounter \"github.com/llac-project/llac/services/counter\"\n\tfetcher \"")
	Edit(t, dir, "operations/services/services.go", "\tlandingjanitor.Service,\n", "\tlandingjanitor.Service,\n\tcounter.Service,\n")
	mustFail(t, dir, []string{"service counter: not in events.Flow"}, "go", "test", "./operations/services")

	Edit(t, dir, "events/flow.go", "}\n\n// Consumes returns", flowOfTheCounter)
	mustFail(t, dir, []string{"terraform/services.json is stale"}, "go", "test", "./operations/services")

	Run(t, dir, "go", "generate", "./operations/services", "./events/...")
	Run(t, dir, "make", "service-module", "SERVICE=counter") // with the imports that are there now
	Run(t, dir, "go", "build", "./services/counter/...", "./operations/...", "./cmd/llac")
	Run(t, dir, "go", "vet", "./services/counter/...", "./operations/...")
	Run(t, dir, "go", "test", "./services/counter/...", "./operations/services", "./operations/ledger", "./events/...", "./test/borders")
	if help := Run(t, dir, "go", "run", "./services/counter/cmd/counter", "--help"); !strings.Contains(help,
		"cat.llac.staging.published.v1") ||
		strings.Contains(help, "LLAC_PORTAL") {
		t.Errorf("the help lists other events or settings than those of the service:\n%s", help)
	}
}

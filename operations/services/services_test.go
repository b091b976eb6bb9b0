package services_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/telemetry"
)

func TestServicesAreComplete(t *testing.T) {
	t.Parallel()
	if err := services.Check(services.All, events.Flow); err != nil {
		t.Error(err)
	}
}

// Every module under services/ is registered, and every registered service has a module.
func TestEveryServiceModuleIsRegistered(t *testing.T) {
	t.Parallel()
	work, err := os.ReadFile("../../go.work")
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, m := range regexp.MustCompile(`(?m)^\t\./services/(\S+)$`).FindAllStringSubmatch(string(work), -1) {
		modules = append(modules, m[1])
	}
	for _, name := range modules {
		if _, ok := services.ByName(name); !ok {
			t.Errorf("module services/%s: in go.work but not in operations/services; add its value to All", name)
		}
	}
	for _, name := range services.Names() {
		if !slices.Contains(modules, name) {
			t.Errorf("service %s: in operations/services, but go.work has no module services/%s", name, name)
		}
	}
}

// TestLongMessagesAreAloneInTheirBatch checks that a service with one message per batch cannot get more: a run that takes long must
// not hold up others.
func TestLongMessagesAreAloneInTheirBatch(t *testing.T) {
	t.Parallel()
	alone := 0
	for _, s := range services.All {
		if s.Size.BatchSize > 1 {
			continue
		}
		alone++
		s.Size.BatchSize = 10
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), "size: ") {
			t.Errorf("service %s: a batch of 10 is not refused: %v; state PerMessage", s.Name, err)
		}
	}
	if alone < 4 { // all that read or write the data of a run before it is published
		t.Errorf("%d services take one message per batch", alone)
	}
}

// counter returns a complete service that counts published snapshots, and its flow.
func counter() (runtime.Service, events.ServiceFlow) {
	flow := events.ServiceFlow{Service: "counter", Consumes: events.TypesOf(events.StagingPublished{}),
		Emits: events.TypesOf(events.RunFailed{})}
	return runtime.Service{
		Name: flow.Service, Consumes: flow.Consumes, Emits: flow.Emits,
		New:     runtime.Construct(func(struct{ Metrics telemetry.Metrics }) runtime.Handler { return nil }),
		Size:    runtime.Size{MemoryMiB: 128, Timeout: time.Minute, BatchSize: 10, MaximumConcurrency: 2},
		Stage:   runtime.Stage{Outside: true},
		Receipt: func(events.Event) string { return "" },
		GaveUp:  runtime.FailsSilently,
	}, flow
}

func TestCheckReportsAnIncompleteService(t *testing.T) {
	t.Parallel()
	type service = runtime.Service
	type flow = events.ServiceFlow
	for name, c := range map[string]struct {
		change func(*service, *flow)
		want   string // empty: complete
	}{
		"complete": {func(*service, *flow) {}, ""},
		"a service value without a size": {func(s *service, _ *flow) { s.Size = runtime.Size{} },
			"no Size: state memory, timeout, batch size and maximum concurrency"},
		"a size that Lambda rejects": {func(s *service, _ *flow) { s.Size.MaximumConcurrency = 1 },
			"size: MaximumConcurrency 1 is not between 2 and 1000"},
		"a batch of long messages": {func(s *service, _ *flow) { s.Size.PerMessage = 7 * time.Second },
			"size: 10 messages of up to 7s do not fit into a timeout of 1m0s"},
		"a batch of short messages": {func(s *service, _ *flow) { s.Size.PerMessage = 6 * time.Second }, ""},
		"a batch of reads of a portal": {func(s *service, _ *flow) {
			s.New = runtime.Construct(func(struct {
				Portal func(string) (source.Client, error)
			}) runtime.Handler {
				return nil
			})
		}, "size: BatchSize 10 for a service that reads portals"},
		"an event type that no service emits": {func(s *service, f *flow) {
			f.Consumes = events.TypesOf(events.SweepTicked{})
			s.Consumes = f.Consumes
		}, "it consumes cat.llac.sweep.ticked.v1, which no service emits and which is not sent directly"},
		"an event type that is not in the catalogue": {func(s *service, f *flow) {
			f.Emits = []string{"cat.llac.rows.counted.v1"}
			s.Emits = f.Emits
		}, "event type cat.llac.rows.counted.v1: not in the catalogue of events"},
		"no place in a run": {func(s *service, _ *flow) { s.Stage = runtime.Stage{} }, "no Stage: state its place in a run"},
		"an end event that the service does not emit": {func(s *service, _ *flow) {
			s.Stage = runtime.Stage{State: "counting", Ends: s.Consumes}
		},
			"which the service does not emit"},
		"a final state": {func(s *service, _ *flow) { s.Stage = runtime.Stage{State: "published", Ends: s.Emits} },
			`stage: State "published" is final`},
		"no handler": {func(s *service, _ *flow) { s.New = runtime.Constructor{} }, "no handler"},
		"an unknown port": {func(s *service, _ *flow) {
			s.New = runtime.Construct(func(struct{ Sink int }) runtime.Handler { return nil })
		}, "port Sink int: the runtime has no such port"},
		"no GaveUp":            {func(s *service, _ *flow) { s.GaveUp = nil }, "no GaveUp"},
		"no receipt":           {func(s *service, _ *flow) { s.Receipt = nil }, "no Receipt"},
		"no entry in the flow": {func(_ *service, f *flow) { f.Service = "other" }, "service counter: not in events.Flow"},
		"in the flow but not registered": {func(_ *service, f *flow) { f.Service = "other" },
			"service other: in events.Flow but not in operations/services"},
		"event types other than in the flow": {func(_ *service, f *flow) { f.Emits = nil },
			"its event types differ from those in events.Flow"},
		"a duplicate name": {func(s *service, _ *flow) { s.Name = "other" }, "another service has the same name"},
		"too many metric series": {func(s *service, _ *flow) { s.Series = slices.Repeat([]telemetry.Series{{Name: "a", Outcomes: 2}}, 10) },
			"metric series, at most 20 are allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := counter()
			c.change(&s, &f)
			all := []service{s}
			if s.Name == "other" {
				all = append(all, s)
			}
			err := services.Check(all, []flow{{Service: events.Operator, Emits: events.TypesOf(events.StagingPublished{})}, f})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

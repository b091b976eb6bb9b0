package pipeline

import (
	"path/filepath"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/runtime"
	fetcher "github.com/llac-project/llac/services/fetcher"
	janitor "github.com/llac-project/llac/services/landing-janitor"
	gate "github.com/llac-project/llac/services/quality-gate"
	scheduler "github.com/llac-project/llac/services/scheduler"
	stager "github.com/llac-project/llac/services/stager"
	validator "github.com/llac-project/llac/services/validator"
)

// The names of the local environment.
const (
	Env          = "local"
	DataBucket   = "data"
	ConfigBucket = "config"
	observer     = "llac-" + Env + "-observer" // the queue that receives every event
)

// Services are the six services in the order of the flow.
var Services = []runtime.Service{
	scheduler.Service, fetcher.Service, validator.Service, stager.Service, gate.Service, janitor.Service,
}

// declarations are what the topology needs to know of the services.
func declarations() []messaging.Declaration {
	out := make([]messaging.Declaration, len(Services))
	for i, s := range Services {
		out[i] = messaging.Declaration{Service: s.Name, Consumes: s.Consumes, Emits: s.Emits}
	}
	return out
}

func topologyOptions(maxReceives int) messaging.TopologyOptions {
	return messaging.TopologyOptions{MaxReceives: maxReceives, OperatorEmits: events.Emits(events.Operator), Observer: observer}
}

// LogFile is where the services of a state directory log, a JSON line each entry.
func LogFile(dir string) string { return filepath.Join(dir, "logs", "llac.jsonl") }

// SpanFile is where their spans go, a JSON line each.
func SpanFile(dir string) string { return filepath.Join(dir, "traces", "spans.jsonl") }

package pipeline

import (
	"path/filepath"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/messaging"
)

// The names of the local environment.
const (
	Env          = "local"
	DataBucket   = "data"
	ConfigBucket = "config"
	observer     = "llac-" + Env + "-observer" // the queue that receives every event
)

func topologyOptions(maxReceives int) messaging.TopologyOptions {
	return messaging.TopologyOptions{MaxReceives: maxReceives, OperatorEmits: events.Emits(events.Operator), Observer: observer}
}

// LogFile is where the services of a state directory log, a JSON line each entry.
func LogFile(dir string) string { return filepath.Join(dir, "logs", "llac.jsonl") }

// SpanFile is where their spans go, a JSON line each.
func SpanFile(dir string) string { return filepath.Join(dir, "traces", "spans.jsonl") }

package services

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/runtime"
)

//go:generate go test -run TestTerraformFileIsCurrent . -update

// defaultEphemeralStorage is the ephemeral storage of a Lambda function by default, in MiB.
const defaultEphemeralStorage = 512

// terraformFlow contains the event types of a sender of events: a service or the operator.
type terraformFlow struct {
	Consumes []string `json:"consumes"`
	Emits    []string `json:"emits"`
	Direct   []string `json:"direct"` // event types of consumes that are sent directly to the queue
}

// terraformService contains the settings of a service in Terraform. The operator has no function, so it has only a flow.
type terraformService struct {
	terraformFlow
	MemoryMB           int  `json:"memory_mb"`
	TimeoutS           int  `json:"timeout_s"`
	BatchSize          int  `json:"batch_size"`
	MaximumConcurrency int  `json:"maximum_concurrency"`
	EphemeralStorageMB int  `json:"ephemeral_storage_mb"`
	AllowRecursion     bool `json:"allow_recursion"` // it consumes an event type that it emits; Lambda stops such a loop otherwise
	Glue               bool `json:"glue"`            // it updates the tables of the query engine
}

// TerraformFile returns the content of terraform/services.json: every service, and the operator, which only emits, by name.
func TerraformFile() ([]byte, error) {
	all := map[string]any{}
	for _, f := range events.Flow {
		if f.Service == events.Operator {
			all[f.Service] = flowOf(f)
		}
	}
	for _, s := range All {
		f := events.ServiceFlow{Consumes: s.Consumes, Emits: s.Emits, Direct: events.Direct(s.Name)}
		storage := s.Size.EphemeralStorageMiB
		if storage == 0 {
			storage = defaultEphemeralStorage
		}
		all[s.Name] = terraformService{
			terraformFlow: flowOf(f),
			MemoryMB:      s.Size.MemoryMiB, TimeoutS: int(s.Size.Timeout / time.Second), BatchSize: s.Size.BatchSize,
			MaximumConcurrency: s.Size.MaximumConcurrency, EphemeralStorageMB: storage,
			AllowRecursion: slices.ContainsFunc(s.Consumes, func(t string) bool { return slices.Contains(s.Emits, t) }),
			Glue:           s.Needs(runtime.PortCatalogue),
		}
	}
	b, err := json.MarshalIndent(all, "", "  ")
	return append(b, '\n'), err
}

// flowOf copies a flow for JSON: an empty list is [], never null.
func flowOf(f events.ServiceFlow) terraformFlow {
	list := func(types []string) []string { return append([]string{}, types...) }
	return terraformFlow{Consumes: list(f.Consumes), Emits: list(f.Emits), Direct: list(f.Direct)}
}

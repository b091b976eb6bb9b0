package services

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/runtime"
)

//go:generate go test -run TestTerraformFileIsCurrent . -update

// defaultEphemeralStorage is what Lambda gives every function, in MiB.
const defaultEphemeralStorage = 512

// terraformFlow is what Terraform reads of every sender of events: the services and the operator.
type terraformFlow struct {
	Consumes []string `json:"consumes"`
	Emits    []string `json:"emits"`
	Direct   []string `json:"direct"` // those of consumes that are sent straight into the queue
}

// terraformService is what Terraform reads of a service. The operator has no function and therefore none of this.
type terraformService struct {
	terraformFlow
	MemoryMB                int  `json:"memory_mb"`
	TimeoutS                int  `json:"timeout_s"`
	BatchSize               int  `json:"batch_size"`
	MaximumConcurrency      int  `json:"maximum_concurrency"`
	EphemeralStorageMB      int  `json:"ephemeral_storage_mb"`
	ReportsBatchItemFailure bool `json:"reports_batch_item_failures"`
	AllowRecursion          bool `json:"allow_recursion"` // it consumes what it emits; Lambda stops such loops after 16 hops otherwise
	Glue                    bool `json:"glue"`            // it keeps the tables of the query engine
}

// TerraformFile returns the content of terraform/services.json: by name, every service and the operator, who only emits.
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
			MaximumConcurrency: s.Size.MaximumConcurrency, EphemeralStorageMB: storage, ReportsBatchItemFailure: true,
			AllowRecursion: slices.ContainsFunc(s.Consumes, func(t string) bool { return slices.Contains(s.Emits, t) }),
			Glue:           s.Needs(runtime.PortCatalogue),
		}
	}
	b, err := json.MarshalIndent(all, "", "  ")
	return append(b, '\n'), err
}

// flowOf copies a flow for JSON: a list without entries is [], never null.
func flowOf(f events.ServiceFlow) terraformFlow {
	list := func(types []string) []string { return append([]string{}, types...) }
	return terraformFlow{Consumes: list(f.Consumes), Emits: list(f.Emits), Direct: list(f.Direct)}
}

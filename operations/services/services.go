package services

import (
	"github.com/llac-project/llac/platform/runtime"
	fetcher "github.com/llac-project/llac/services/fetcher"
	landingjanitor "github.com/llac-project/llac/services/landing-janitor"
	qualitygate "github.com/llac-project/llac/services/quality-gate"
	scheduler "github.com/llac-project/llac/services/scheduler"
	stager "github.com/llac-project/llac/services/stager"
	validator "github.com/llac-project/llac/services/validator"
)

// All lists the services in the order in which a run passes through them, which is the order of events.Flow.
var All = []runtime.Service{
	scheduler.Service,
	fetcher.Service,
	validator.Service,
	stager.Service,
	qualitygate.Service,
	landingjanitor.Service,
}

// Names lists the names of the services, in the order of All.
func Names() []string {
	names := make([]string, len(All))
	for i, s := range All {
		names[i] = s.Name
	}
	return names
}

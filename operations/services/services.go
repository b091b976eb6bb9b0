package services

import (
	"slices"

	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/telemetry"
	fetcher "github.com/llac-project/llac/services/fetcher"
	landingjanitor "github.com/llac-project/llac/services/landing-janitor"
	qualitygate "github.com/llac-project/llac/services/quality-gate"
	scheduler "github.com/llac-project/llac/services/scheduler"
	stager "github.com/llac-project/llac/services/stager"
	validator "github.com/llac-project/llac/services/validator"
)

// All lists the services in the order in which a run passes through them. events.Flow has the same order.
var All = []runtime.Service{
	scheduler.Service,
	fetcher.Service,
	validator.Service,
	stager.Service,
	qualitygate.Service,
	landingjanitor.Service,
}

// Names returns the names of the services in the order of All.
func Names() []string {
	names := make([]string, len(All))
	for i, s := range All {
		names[i] = s.Name
	}
	return names
}

// ByName returns the service with this name.
func ByName(name string) (runtime.Service, bool) {
	i := slices.IndexFunc(All, func(s runtime.Service) bool { return s.Name == name })
	if i < 0 {
		return runtime.Service{}, false
	}
	return All[i], true
}

// States returns the states of a request while services work on it, each once, in the order in which a run passes through them.
func States() []string {
	var states []string
	for _, s := range All {
		if !s.Stage.Outside && !slices.Contains(states, s.Stage.State) {
			states = append(states, s.Stage.State)
		}
	}
	return states
}

// Declarations returns the event types of each service, from which topics, queues and subscriptions are created.
func Declarations() []messaging.Declaration {
	out := make([]messaging.Declaration, len(All))
	for i, s := range All {
		out[i] = messaging.Declaration{Service: s.Name, Consumes: s.Consumes, Emits: s.Emits}
	}
	return out
}

// CountSeries returns the number of custom metrics of an environment when each measurement has had all of its outcomes.
func CountSeries() int {
	n := 0
	for _, s := range All {
		n += telemetry.CountSeries(s.AllSeries())
	}
	return n
}

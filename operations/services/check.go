package services

import (
	"errors"
	"fmt"
	"slices"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/telemetry"
)

// Check returns the joined errors of the services: missing or invalid fields, and differences between the services and the flow of
// events. A test calls it with All and events.Flow.
func Check(all []runtime.Service, flow []events.ServiceFlow) error {
	var problems []error
	report := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	emitted := map[string]bool{}
	var inFlow, registered []string
	for _, f := range flow {
		for _, eventType := range f.Emits {
			emitted[eventType] = true
		}
		if f.Service != events.Operator {
			inFlow = append(inFlow, f.Service)
		}
	}
	series := 0
	for _, s := range all {
		problems = append(problems, s.Check())
		if slices.Contains(registered, s.Name) {
			report("service %s: another service has the same name", s.Name)
		}
		registered = append(registered, s.Name)
		series += telemetry.CountSeries(s.AllSeries())
		i := slices.IndexFunc(flow, func(f events.ServiceFlow) bool { return f.Service == s.Name })
		if i < 0 {
			report("service %s: not in events.Flow", s.Name)
			continue
		}
		if !slices.Equal(flow[i].Consumes, s.Consumes) || !slices.Equal(flow[i].Emits, s.Emits) {
			report("service %s: its event types differ from those in events.Flow; use events.Consumes and events.Emits", s.Name)
		}
		for _, eventType := range s.Consumes {
			if !emitted[eventType] && !slices.Contains(flow[i].Direct, eventType) {
				report("service %s: it consumes %s, which no service emits and which is not sent directly", s.Name, eventType)
			}
		}
	}
	for _, name := range inFlow {
		if !slices.Contains(registered, name) {
			report("service %s: in events.Flow but not in operations/services; add its value to All", name)
		}
	}
	if len(problems) == 0 && !slices.Equal(inFlow, registered) {
		report("operations/services lists %v, events.Flow lists %v; use one order", registered, inFlow)
	}
	if series > telemetry.MaxSeries {
		report("%d metric series, at most %d are allowed; record one of them as a property instead", series, telemetry.MaxSeries)
	}
	return errors.Join(problems...)
}

package cost

import (
	"maps"
	"slices"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/runtime"
)

// Idle returns what an environment uses in a month in which no source changes.
func (t Table) Idle(s *Standing, datasets int) []Usage {
	var out []Usage
	add := func(what string, n float64) {
		if n > 0 {
			out = append(out, Usage{What: what, Quantity: n})
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(t.Resources)) {
		add(t.Resources[kind], float64(s.Counts[kind]))
	}
	// No plan has the services' own metrics: CloudWatch makes them when it receives a value.
	add("custom_metric", float64(services.CountSeries()*len(s.Envs)))
	add("alarm", float64(s.Watched))
	add("interface_endpoint", float64(s.Zones))
	add("canary_run", s.canaries)
	polls := t.assume("pollers") * Month.Seconds() / t.assume("poll_seconds")
	add("sqs_request", float64(s.Mappings)*polls)
	add("sqs_request", float64(s.Counts["aws_pipes_pipe"])*polls) // a pipe polls its queue as a mapping does
	add("schedule_call", s.Calls)

	n := float64(datasets)
	out = append(out, t.idleCalls(s, events.ScheduleTicked{}, s.Calls-s.Sweeps, 1+n*t.assume("idle_gets"), 0)...)
	return append(out, t.idleCalls(s, events.SweepTicked{}, s.Sweeps, n, n*t.assume("sweep_lists"))...)
}

// idleCalls returns what a scheduled event uses that finds nothing to do. Each call makes gets and lists, and writes a receipt.
func (t Table) idleCalls(s *Standing, event events.Payload, calls, gets, lists float64) []Usage {
	if calls <= 0 {
		return nil
	}
	var out []Usage
	for _, service := range services.All {
		if !slices.Contains(service.Consumes, event.EventType()) {
			continue
		}
		for _, u := range []Usage{
			{What: "sqs_request", Quantity: 2},
			{What: "lambda_request", Quantity: 1},
			{What: "lambda_gb_second", Quantity: t.assume("idle_seconds") * t.memory(s, service)},
			{What: "s3_get", Quantity: gets},
			{What: "s3_put", Quantity: 1 + lists},
			{What: "log_gb", Quantity: t.assume("log_bytes") / 1e9},
			{What: "log_gb_month", Quantity: t.assume("log_bytes") / 1e9},
			{What: "xray_trace", Quantity: 1},
		} {
			u.Service, u.Quantity = service.Name, u.Quantity*calls
			if u.Quantity > 0 {
				out = append(out, u)
			}
		}
	}
	return out
}

// memory returns a function's memory in GiB: what the plans state, or else what the service declares.
func (t Table) memory(s *Standing, service runtime.Service) float64 {
	if s != nil && s.Memory[service.Name] > 0 {
		return float64(s.Memory[service.Name]) / 1024
	}
	return float64(service.Size.MemoryMiB) / 1024
}

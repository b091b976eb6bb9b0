package runtime

import (
	"slices"

	"github.com/llac-project/llac/platform/telemetry"
)

// Measurements that the runtime records for every service, or for every service that calls portals.
const (
	metricProcessDuration = "process_duration"
	metricPortalResponse  = "portal_response_time"
	metricNotConsumed     = "events_not_consumed" // only a log line, not a CloudWatch metric
)

// AllSeries returns the measurements of the service that become CloudWatch metrics: the runtime's and the service's own.
func (s Service) AllSeries() []telemetry.Series {
	all := []telemetry.Series{{Name: metricProcessDuration, Outcomes: 2, Why: "success, failure and latency of each service"}}
	if s.Needs(PortPortal) {
		why := "response time and outcome of requests to portals"
		all = append(all, telemetry.Series{Name: metricPortalResponse, Outcomes: 2, Why: why})
	}
	return slices.Concat(all, s.Series)
}

package runtime

import (
	"slices"

	"github.com/llac-project/llac/platform/telemetry"
)

// Measurements that the runtime takes for every service, or for those that ask portals.
const (
	metricProcessDuration = "process_duration"
	metricPortalResponse  = "portal_response_time"
	metricNotConsumed     = "events_not_consumed" // stays a log line
)

// AllSeries lists the measurements of the service that become CloudWatch metrics: the runtime's and its own.
func (s Service) AllSeries() []telemetry.Series {
	all := []telemetry.Series{{Name: metricProcessDuration, Outcomes: 2, Why: "success, failure and latency of each service"}}
	if s.Needs(PortPortal) {
		all = append(all, telemetry.Series{Name: metricPortalResponse, Outcomes: 2, Why: "how fast the portals answer, and whether"})
	}
	return slices.Concat(all, s.Series)
}

package telemetry

// A Series is a measurement that becomes a CloudWatch metric: a dimension pair each of service and outcome is one custom
// metric, and costs money whether anybody looks at it or not.
type Series struct {
	Name     string
	Services []string // that record it
	Outcomes int      // 2 where it may also fail, else 1
	Gauge    bool     // a level, not a sum
	Why      string   // what is seen by it
}

var (
	everyService = []string{"scheduler", "fetcher", "validator", "stager", "quality-gate", "landing-janitor"}
	one          = func(service string) []string { return []string{service} }
)

// AllSeries are the measurements that become metrics. Every other one, and every property, stays in the log line, where
// CloudWatch Logs Insights finds it and nothing is paid until somebody asks. Dead letters, queue ages and Lambda's errors are
// AWS's own metrics, which are free.
var AllSeries = []Series{
	{"process_duration", everyService, 2, false, "success, failure and latency of each stage"},
	{"portal_response_time", one("fetcher"), 2, false, "how fast the portals answer, and whether"},
	{"rows_staged", one("stager"), 1, false, "volume"},
	{"rows_quarantined", one("stager"), 1, false, "volume; its share is a property"},
	{"bytes_staged", one("stager"), 1, false, "volume"},
	{"datasets_stale", one("scheduler"), 1, true, "freshness; the age of each dataset is a property"},
}

// MaxSeries is how many custom metrics an environment may have: ten are free, each further one is paid by the month.
const MaxSeries = 20

// CountSeries is how many custom metrics there are when everything has succeeded and failed at least once.
func CountSeries() int {
	n := 0
	for _, s := range AllSeries {
		n += len(s.Services) * s.Outcomes
	}
	return n
}

func isSeries(name string) bool { return seriesOf(name).Name != "" }

// seriesOf is the series of a name; one without a name where it is none.
func seriesOf(name string) Series {
	for _, s := range AllSeries {
		if s.Name == name {
			return s
		}
	}
	return Series{}
}

// The two values of the dimension outcome. What exactly happened is the property result.
const (
	outcomeOK     = "ok"
	outcomeFailed = "failed"
)

// keyResult is the property that keeps the outcome as it was recorded.
const keyResult = "result"

// twofold makes one of two values of an outcome, so that no new word makes a new metric.
func twofold(outcome string) string {
	switch outcome {
	case outcomeOK, "unchanged": // a portal's answer that nothing has changed is a good answer
		return outcomeOK
	}
	return outcomeFailed
}

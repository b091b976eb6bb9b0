package telemetry

// Series is a measurement of one service that becomes a CloudWatch metric. Each pair of service and outcome is one custom
// metric, which is billed even if it is never read. Every other measurement, and every property, stays in the log line, where
// CloudWatch Logs Insights finds it. Dead letters, queue ages and Lambda's errors are AWS's own metrics, which are free.
type Series struct {
	Name     string
	Outcomes int    // 2 if it can also have the outcome failed, else 1
	Gauge    bool   // true for a level, false for a sum
	Why      string // what the metric shows
}

// MaxSeries is the maximum number of custom metrics of an environment. Ten are free; each further one is billed monthly.
const MaxSeries = 20

// CountSeries returns the number of custom metrics of one service when each measurement has had all of its outcomes.
func CountSeries(all []Series) int {
	n := 0
	for _, s := range all {
		n += s.Outcomes
	}
	return n
}

// seriesByName returns the series of a service by name.
func seriesByName(all []Series) map[string]Series {
	byName := map[string]Series{}
	for _, s := range all {
		byName[s.Name] = s
	}
	return byName
}

// The values of the dimension outcome. The property result has the exact outcome.
const (
	outcomeOK     = "ok"
	outcomeFailed = "failed"
)

// keyResult is the property that contains the outcome as it was recorded.
const keyResult = "result"

// twofold maps an outcome to one of the two values, so that a new outcome does not create a new metric.
func twofold(outcome string) string {
	switch outcome {
	case outcomeOK, "unchanged": // a portal that reports no change responded successfully
		return outcomeOK
	}
	return outcomeFailed
}

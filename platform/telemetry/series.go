package telemetry

// Series is a measurement of one service that becomes a CloudWatch metric. Each pair of service and outcome is one custom
// metric, and costs money whether anybody looks at it or not. Every other measurement, and every property, stays in the log
// line, where CloudWatch Logs Insights finds it. Dead letters, queue ages and Lambda's errors are AWS's own metrics, which are
// free.
type Series struct {
	Name     string
	Outcomes int    // 2 where it may also fail, else 1
	Gauge    bool   // a level, not a sum
	Why      string // what it shows
}

// MaxSeries is how many custom metrics an environment may have: ten are free, each further one is paid by the month.
const MaxSeries = 20

// CountSeries counts the custom metrics of one service when everything has succeeded and failed at least once.
func CountSeries(all []Series) int {
	n := 0
	for _, s := range all {
		n += s.Outcomes
	}
	return n
}

// seriesByName indexes the series of a service.
func seriesByName(all []Series) map[string]Series {
	byName := map[string]Series{}
	for _, s := range all {
		byName[s.Name] = s
	}
	return byName
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

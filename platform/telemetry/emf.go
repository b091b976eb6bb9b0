package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/llac-project/llac/platform/clock"
)

// Namespace is the CloudWatch namespace of an environment's metrics. Service and outcome are all the dimensions there are, so
// that dev and prod in one account would add up to one number without it (as in terraform/modules/conventions).
func Namespace(env string) string {
	if env == "" {
		return "Llac"
	}
	return "Llac/" + env
}

// KeyOutcome is the property that becomes a dimension, "ok" or "failed"; its default is "ok".
const KeyOutcome = "outcome"

const defaultOutcome = outcomeOK

// EMF writes each measurement as one line of JSON. One of its series is in CloudWatch's embedded metric format (CloudWatch
// user guide, "Specification: Embedded metric format"), and becomes a metric without any call; another is a log line like any.
type EMF struct {
	service   string
	namespace string
	clock     clock.Clock
	forbidden Forbidden
	series    map[string]Series
	mu        sync.Mutex
	w         io.Writer
}

// NewEMF writes an environment's measurements to w, which must be the program's standard output for CloudWatch to see them.
func NewEMF(w io.Writer, env, service string, c clock.Clock, forbidden Forbidden, series []Series) *EMF {
	return &EMF{w: w, namespace: Namespace(env), service: service, clock: c, forbidden: forbidden, series: seriesByName(series)}
}

type emfHeader struct {
	Timestamp         int64          `json:"Timestamp"` // milliseconds since 1970
	CloudWatchMetrics []emfDirective `json:"CloudWatchMetrics"`
}

type emfDirective struct {
	Namespace  string      `json:"Namespace"`
	Dimensions [][]string  `json:"Dimensions"`
	Metrics    []emfMetric `json:"Metrics"`
}

type emfMetric struct {
	Name string `json:"Name"`
	Unit Unit   `json:"Unit"`
}

// Record implements Metrics. Every series costs money whether anybody looks or not, so that the dimensions are
// service and outcome alone; all properties, and the run, travel as fields of the line.
func (e *EMF) Record(ctx context.Context, name string, value float64, unit Unit, properties ...any) {
	line := make(map[string]any, 8+len(properties)/2)
	for _, a := range contextAttributes(ctx) {
		line[a.Key] = a.Value.Any()
	}
	if id := traceID(ctx); id != "" {
		line[KeyTraceID] = id
	}
	line[KeyOutcome] = defaultOutcome
	pairs(properties, func(k string, v any) { line[k] = v })
	for k := range line {
		if e.forbidden.Has(k) {
			line[k] = redacted
		}
	}
	outcome := fmt.Sprint(line[KeyOutcome]) // a dimension must be text
	if line[KeyOutcome] = twofold(outcome); line[KeyOutcome] != outcome {
		line[keyResult] = outcome
	}
	line[KeyService] = e.service
	line[name] = value
	if _, ok := e.series[name]; ok {
		line["_aws"] = emfHeader{
			Timestamp: e.clock.Now().UnixMilli(),
			CloudWatchMetrics: []emfDirective{{
				Namespace:  e.namespace,
				Dimensions: [][]string{{KeyService, KeyOutcome}},
				Metrics:    []emfMetric{{Name: name, Unit: unit}},
			}},
		}
	}
	b, err := json.Marshal(line)
	if err != nil {
		return // a property that JSON cannot hold: a measurement is never worth an error
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	_, _ = e.w.Write(append(b, '\n'))
}

// pairs calls yield for alternating keys and values; a lone or non-text key is skipped.
func pairs(properties []any, yield func(key string, value any)) {
	for i := 0; i+1 < len(properties); i += 2 {
		if k, ok := properties[i].(string); ok {
			yield(k, properties[i+1])
		}
	}
}

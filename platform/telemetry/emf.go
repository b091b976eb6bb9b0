package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/llac-project/llac/platform/clock"
)

// Namespace returns the CloudWatch namespace of an environment's metrics, the same as in terraform/modules/conventions. The only
// dimensions are service and outcome: with one namespace, dev and prod in one account would be added up.
func Namespace(env string) string {
	if env == "" {
		return "Llac"
	}
	return "Llac/" + env
}

// KeyOutcome is the property that becomes a dimension with the values "ok" (the default) and "failed".
const KeyOutcome = "outcome"

const defaultOutcome = outcomeOK

// EMF writes each measurement as one line of JSON. A measurement of a Series is written in CloudWatch's embedded metric format
// (CloudWatch user guide, "Specification: Embedded metric format"), and CloudWatch makes a metric of it without an API call.
// Every other measurement is an ordinary log line.
type EMF struct {
	service   string
	namespace string
	clock     clock.Clock
	forbidden Forbidden
	series    map[string]Series
	mu        sync.Mutex
	w         io.Writer
}

// NewEMF returns an EMF that writes an environment's measurements to w. CloudWatch only reads standard output.
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

// Record implements Metrics. Every combination of dimensions is a billed metric, so the only dimensions are service and outcome.
// The properties and the run are fields of the line.
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
		return // a property that JSON cannot represent; a measurement must not fail its caller
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	_, _ = e.w.Write(append(b, '\n'))
}

// pairs calls yield for alternating keys and values. It skips a key that has no value or is not a string.
func pairs(properties []any, yield func(key string, value any)) {
	for i := 0; i+1 < len(properties); i += 2 {
		if k, ok := properties[i].(string); ok {
			yield(k, properties[i+1])
		}
	}
}

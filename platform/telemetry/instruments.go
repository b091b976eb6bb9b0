package telemetry

import (
	"context"
	"fmt"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// instruments records measurements with OpenTelemetry: durations as histograms, gauges as gauges, all others as counters.
type instruments struct {
	meter  metric.Meter
	series map[string]Series
	mu     sync.Mutex
	add    map[string]func(context.Context, float64, metric.MeasurementOption)
}

func newInstruments(m metric.Meter, series []Series) *instruments {
	return &instruments{meter: m, series: seriesByName(series), add: map[string]func(context.Context, float64, metric.MeasurementOption){}}
}

// Record implements Metrics. Only the outcome becomes an attribute: each value of another property would be a new time series.
func (i *instruments) Record(ctx context.Context, name string, value float64, unit Unit, properties ...any) {
	outcome := defaultOutcome
	pairs(properties, func(k string, v any) {
		if k == KeyOutcome {
			outcome = fmt.Sprint(v)
		}
	})
	if add := i.instrument(name, unit); add != nil {
		add(ctx, value, metric.WithAttributes(attribute.String(KeyOutcome, outcome)))
	}
}

func (i *instruments) instrument(name string, unit Unit) func(context.Context, float64, metric.MeasurementOption) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if add, ok := i.add[name]; ok {
		return add
	}
	var add func(context.Context, float64, metric.MeasurementOption)
	if unit == Milliseconds || unit == Seconds {
		if h, err := i.meter.Float64Histogram(name, metric.WithUnit(ucum(unit))); err == nil {
			add = func(ctx context.Context, v float64, o metric.MeasurementOption) { h.Record(ctx, v, o) }
		}
	} else if i.series[name].Gauge {
		if g, err := i.meter.Float64Gauge(name, metric.WithUnit(ucum(unit))); err == nil {
			add = func(ctx context.Context, v float64, o metric.MeasurementOption) { g.Record(ctx, v, o) }
		}
	} else if c, err := i.meter.Float64Counter(name, metric.WithUnit(ucum(unit))); err == nil {
		add = func(ctx context.Context, v float64, o metric.MeasurementOption) { c.Add(ctx, v, o) }
	}
	i.add[name] = add // nil for a name that OpenTelemetry rejects, so that it is not tried again
	return add
}

// ucum returns the unit in OpenTelemetry's notation.
func ucum(u Unit) string {
	switch u {
	case Bytes:
		return "By"
	case Milliseconds:
		return "ms"
	case Seconds:
		return "s"
	}
	return "1"
}

// several records each measurement with all of its members.
type several []Metrics

// Record implements Metrics.
func (s several) Record(ctx context.Context, name string, value float64, unit Unit, properties ...any) {
	for _, m := range s {
		m.Record(ctx, name, value, unit, properties...)
	}
}

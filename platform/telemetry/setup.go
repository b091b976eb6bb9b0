package telemetry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/llac-project/llac/platform/clock"
)

const scope = "github.com/llac-project/llac"

// exportTimeout limits the time of one export, so that a collector that does not respond cannot block a service.
const exportTimeout = 5 * time.Second

// Config configures the destinations of a service's telemetry. The zero value logs to standard error and exports nothing.
type Config struct {
	Service string
	Env     string
	Build   string

	Log   io.Writer    // default: standard error
	Level slog.Leveler // default: Info

	// Endpoint is the base URL of an OTLP/HTTP collector for traces and metrics, such as "http://127.0.0.1:4318". Empty means none.
	Endpoint string
	// SpanFile is a file to which finished spans are appended as JSON lines (SpanRecord). Empty means none.
	SpanFile string
	// MetricLines is the writer for metrics in CloudWatch's embedded metric format: standard output in Lambda. nil means none.
	MetricLines io.Writer

	// Series are the measurements that become CloudWatch metrics.
	Series []Series

	Forbidden Forbidden    // default: Forbid()
	Clock     clock.Clock  // default: clock.System
	Random    func([]byte) // source of ids; default: crypto/rand
}

// Telemetry contains a service's tracer, logger and metrics. It sets no globals, because several services may run in one process.
type Telemetry struct {
	Log     *slog.Logger
	Metrics Metrics
	Tracer  trace.Tracer

	traces  *sdktrace.TracerProvider
	metrics *sdkmetric.MeterProvider
}

// spanTLS and pointTLS return the option for the transport to a collector: TLS 1.2 or later for an https address, else plain HTTP.
func spanTLS(base string) otlptracehttp.Option {
	if strings.HasPrefix(base, "https:") {
		return otlptracehttp.WithTLSClientConfig(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	return otlptracehttp.WithInsecure()
}

func pointTLS(base string) otlpmetrichttp.Option {
	if strings.HasPrefix(base, "https:") {
		return otlpmetrichttp.WithTLSClientConfig(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	return otlpmetrichttp.WithInsecure()
}

// Setup returns a service's telemetry. When nothing is exported, spans are not recorded, but their ids are still generated and
// propagated, so that the logs and envelopes of a run share one trace id.
func Setup(ctx context.Context, c Config) (*Telemetry, error) {
	if c.Log == nil {
		c.Log = os.Stderr
	}
	if c.Level == nil {
		c.Level = slog.LevelInfo
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Forbidden == nil {
		c.Forbidden = Forbid()
	}
	t := &Telemetry{Log: NewLogger(c.Log, c.Level, c.Service, c.Forbidden), Metrics: Discard{}}
	about := resource.NewSchemaless(attribute.String("service.name", c.Service),
		attribute.String("service.version", c.Build), attribute.String("deployment.environment.name", c.Env))

	sampler, options := sdktrace.NeverSample(), []sdktrace.TracerProviderOption{
		sdktrace.WithIDGenerator(newXRayIDs(c.Clock, c.Random)), sdktrace.WithResource(about)}
	if c.SpanFile != "" {
		file, err := newSpanFile(c.SpanFile, c.Forbidden)
		if err != nil {
			return nil, err
		}
		sampler = sdktrace.ParentBased(sdktrace.AlwaysSample())
		options = append(options, sdktrace.WithSyncer(file))
	}
	var recorders several
	if c.Endpoint != "" {
		base := strings.TrimSuffix(c.Endpoint, "/")
		spans, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(base+"/v1/traces"),
			otlptracehttp.WithTimeout(exportTimeout), spanTLS(base))
		if err != nil {
			return nil, fmt.Errorf("set up the export of traces to %s: %w", base, err)
		}
		sampler = sdktrace.ParentBased(sdktrace.AlwaysSample())
		options = append(options, sdktrace.WithBatcher(spans, sdktrace.WithExportTimeout(exportTimeout)))
		points, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(base+"/v1/metrics"),
			otlpmetrichttp.WithTimeout(exportTimeout), pointTLS(base))
		if err != nil {
			return nil, fmt.Errorf("set up the export of metrics to %s: %w", base, err)
		}
		t.metrics = sdkmetric.NewMeterProvider(sdkmetric.WithResource(about),
			sdkmetric.WithReader(sdkmetric.NewPeriodicReader(points, sdkmetric.WithTimeout(exportTimeout))))
		recorders = append(recorders, newInstruments(t.metrics.Meter(scope), c.Series))
	}
	if c.MetricLines != nil {
		recorders = append(recorders, NewEMF(c.MetricLines, c.Env, c.Service, c.Clock, c.Forbidden, c.Series))
	}
	switch len(recorders) {
	case 0:
	case 1:
		t.Metrics = recorders[0]
	default:
		t.Metrics = recorders
	}
	t.traces = sdktrace.NewTracerProvider(append(options, sdktrace.WithSampler(sampler))...)
	t.Tracer = t.traces.Tracer(scope)
	return t, nil
}

// Flush exports pending telemetry. A Lambda function calls it before it returns, because Lambda may freeze the process then.
func (t *Telemetry) Flush(ctx context.Context) error {
	err := t.traces.ForceFlush(ctx)
	if t.metrics != nil {
		err = errors.Join(err, t.metrics.ForceFlush(ctx))
	}
	return err
}

// Shutdown exports pending telemetry and closes files and connections.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	err := t.traces.Shutdown(ctx)
	if t.metrics != nil {
		err = errors.Join(err, t.metrics.Shutdown(ctx))
	}
	return err
}

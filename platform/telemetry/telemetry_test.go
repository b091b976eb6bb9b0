package telemetry

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

type frozen struct{ at time.Time }

func (f frozen) Now() time.Time                           { return f.at }
func (frozen) Sleep(context.Context, time.Duration) error { return errors.New("frozen clock") }

var noon = frozen{time.Date(2025, 8, 3, 12, 0, 0, 0, time.UTC)}

func TestIDsStartWithTheEpochSecond(t *testing.T) {
	t.Parallel()
	id, span := newXRayIDs(noon, nil).NewIDs(t.Context())
	if got, want := id.String()[:8], "688f4f40"; got != want { // 1754222400 in hexadecimal
		t.Errorf("trace id %s starts with %s, want %s", id, got, want)
	}
	if !id.IsValid() || !span.IsValid() {
		t.Errorf("ids %s %s are not valid", id, span)
	}
}

func TestXRayHeaderRoundTrip(t *testing.T) {
	t.Parallel()
	ctx := WithTraceParent(t.Context(), "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01", "")
	header := XRayHeader(ctx)
	if want := "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"; header != want {
		t.Fatalf("header = %q, want %q", header, want)
	}
	back, ok := ParseXRayHeader(header)
	if got, want := TraceParent(trace.ContextWithRemoteSpanContext(t.Context(), back)), TraceParent(ctx); !ok || got != want {
		t.Errorf("read back %q, want %q", got, want)
	}
}

func TestInvalidXRayHeadersAreRejected(t *testing.T) {
	t.Parallel()
	for _, header := range []string{
		"", "garbage", "Root=1-5759e988-bd862e3fe1be46a994272793", "Root=2-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
		"Root=1-5759e988-bd86;Parent=53995c3f42cd8ad8", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=xyz",
		"Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8",
	} {
		if sc, ok := ParseXRayHeader(header); ok {
			t.Errorf("ParseXRayHeader(%q) = %v, want none", header, sc)
		}
	}
	sc, ok := ParseXRayHeader("Self=1-a-b; Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=1:a:0")
	if !ok || sc.IsSampled() || !sc.IsRemote() {
		t.Errorf("header with unknown parts: %v %v, want an unsampled remote span", sc, ok)
	}
}

func TestLogLinesCarryTheRun(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tel, err := Setup(t.Context(), Config{Service: "stager", Log: &out})
	if err != nil {
		t.Fatal(err)
	}
	ctx := With(t.Context(), KeyCorrelationID, "old", KeyDataset, "municipalities")
	ctx = With(ctx, KeyCorrelationID, "20250803T140512")
	ctx, span := tel.Tracer.Start(ctx, "process")
	defer span.End()
	tel.Log.With("a", 1).InfoContext(ctx, "staged", "Token", "s3cr3t", "rows", 3)

	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	for key, want := range map[string]any{
		KeyService: "stager", KeyCorrelationID: "20250803T140512", KeyDataset: "municipalities", "Token": redacted,
		KeyTraceID: span.SpanContext().TraceID().String(), KeySpanID: span.SpanContext().SpanID().String(), "a": 1.0, "rows": 3.0,
	} {
		if line[key] != want {
			t.Errorf("%s = %v, want %v", key, line[key], want)
		}
	}
	if n := strings.Count(out.String(), `"correlation_id"`); n != 1 {
		t.Errorf("correlation_id occurs %d times in %s", n, out.String())
	}
}

func TestWithoutExportIDsAreGeneratedAndSpansAreNotRecorded(t *testing.T) {
	t.Parallel()
	tel, err := Setup(t.Context(), Config{Service: "stager", Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := tel.Tracer.Start(t.Context(), "process")
	if span.IsRecording() {
		t.Error("the span is recorded although nothing is exported")
	}
	if tp := TraceParent(ctx); !strings.HasSuffix(tp, "-00") || len(tp) != 55 {
		t.Errorf("traceparent = %q, want an unsampled traceparent", tp)
	}
	if _, ok := tel.Metrics.(Discard); !ok {
		t.Errorf("metrics go to %T, want Discard", tel.Metrics)
	}
}

func TestSpanFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "spans.jsonl")
	var services sync.WaitGroup
	for _, name := range []string{"fetcher", "stager"} { // two services share the file
		tel, err := Setup(t.Context(), Config{Service: name, Log: io.Discard, SpanFile: path})
		if err != nil {
			t.Fatal(err)
		}
		services.Go(func() {
			for range 50 {
				ctx, parent := tel.Tracer.Start(t.Context(), "process", trace.WithSpanKind(trace.SpanKindConsumer))
				_, child := tel.Tracer.Start(ctx, "read", trace.WithAttributes(attribute.String("password", "x"), attribute.Int("rows", 3)))
				child.SetStatus(codes.Error, "no such key")
				child.End()
				parent.End()
			}
			if err := tel.Shutdown(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		})
	}
	services.Wait()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	spans := map[string]SpanRecord{}
	for in := bufio.NewScanner(f); in.Scan(); {
		var r SpanRecord
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			t.Fatalf("%v in %s", err, in.Text())
		}
		spans[r.SpanID] = r
	}
	if len(spans) != 200 {
		t.Fatalf("%d spans in the file, want 200", len(spans))
	}
	for _, r := range spans {
		if r.Name != "read" {
			continue
		}
		p := spans[r.ParentID]
		if p.TraceID != r.TraceID || p.Service != r.Service || p.Kind != "consumer" {
			t.Fatalf("parent of %+v is %+v", r, p)
		}
		if r.Error != "no such key" || r.Attributes["password"] != redacted || r.Attributes["rows"] != 3.0 {
			t.Fatalf("span = %+v", r)
		}
	}
}

func TestMetricLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	m := NewEMF(&out, "dev", "fetcher", noon, Forbid("nom_titular"), []Series{{Name: "portal_response_time", Outcomes: 2},
		{Name: "rows_staged", Outcomes: 1}})
	m.Record(With(t.Context(), KeyCorrelationID, "r1"), "portal_response_time", 12.5, Milliseconds,
		"outcome", "throttled", "host", "example.org", "NOM_TITULAR", "somebody", 7, "skipped")
	want := `{"NOM_TITULAR":"[redacted]","_aws":{"Timestamp":1754222400000,"CloudWatchMetrics":[{"Namespace":"Llac/dev",` +
		`"Dimensions":[["service","outcome"]],"Metrics":[{"Name":"portal_response_time","Unit":"Milliseconds"}]}]},` +
		`"correlation_id":"r1","host":"example.org","outcome":"failed","portal_response_time":12.5,"result":"throttled",` +
		`"service":"fetcher"}` + "\n"
	if out.String() != want {
		t.Errorf("line:\n%swant:\n%s", out.String(), want)
	}
	out.Reset()
	m.Record(t.Context(), "rows_staged", 1, Count)
	if !strings.Contains(out.String(), `"outcome":"ok"`) {
		t.Errorf("no default outcome in %s", out.String())
	}
	// A measurement that is not a Series is not a metric.
	out.Reset()
	m.Record(t.Context(), "rows_fetched", 7, Count, "dataset", "things")
	if want := `{"dataset":"things","outcome":"ok","rows_fetched":7,"service":"fetcher"}` + "\n"; out.String() != want {
		t.Errorf("line:\n%swant:\n%s", out.String(), want)
	}
}

func TestSeriesHaveAtMostTwoOutcomes(t *testing.T) {
	t.Parallel()
	if n := CountSeries([]Series{{Name: "a", Outcomes: 2}, {Name: "b", Outcomes: 1}}); n != 3 {
		t.Errorf("CountSeries returned %d, want 3", n)
	}
	// Every outcome maps to one of two values.
	for outcome, want := range map[string]string{"ok": "ok", "unchanged": "ok", "retry": "failed", "dead_letter": "failed",
		"": "failed", "unknown": "failed"} {
		if got := twofold(outcome); got != want {
			t.Errorf("twofold(%q) = %q, want %q", outcome, got, want)
		}
	}
}

func TestExportToACollector(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	paths := map[string]int{}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		n, _ := io.Copy(io.Discard, r.Body)
		paths[r.URL.Path] += int(n)
	}))
	defer collector.Close()
	tel, err := Setup(t.Context(), Config{Service: "stager", Log: io.Discard, Endpoint: collector.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := tel.Tracer.Start(t.Context(), "process")
	span.End()
	tel.Metrics.Record(ctx, "rows", 3, Count, "outcome", "ok")
	tel.Metrics.Record(ctx, "stage_duration", 3, Milliseconds)
	tel.Metrics.Record(ctx, "not a valid name!", 3, Count)
	if err := tel.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if paths["/v1/traces"] == 0 || paths["/v1/metrics"] == 0 {
		t.Errorf("bytes received: %v, want traces and metrics after Flush", paths)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTraceParentThatIsMalformedIsIgnored(t *testing.T) {
	t.Parallel()
	for _, tp := range []string{"", "00-zz", "00-00000000000000000000000000000000-53995c3f42cd8ad8-01"} {
		if got := TraceParent(WithTraceParent(t.Context(), tp, "a=b")); got != "" {
			t.Errorf("traceparent after WithTraceParent(%q) is %q, want none", tp, got)
		}
	}
	ctx := WithTraceParent(t.Context(), "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01", "llac=1")
	if TraceState(ctx) != "llac=1" {
		t.Errorf("tracestate = %q", TraceState(ctx))
	}
}

package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// SpanRecord is one line of a span file.
type SpanRecord struct {
	TraceID    string         `json:"trace_id"`
	SpanID     string         `json:"span_id"`
	ParentID   string         `json:"parent_id,omitempty"`
	Service    string         `json:"service"`
	Name       string         `json:"name"`
	Kind       string         `json:"kind"` // internal, server, client, producer or consumer
	Start      time.Time      `json:"start"`
	End        time.Time      `json:"end"`
	Error      string         `json:"error,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`
	Links      []string       `json:"links,omitempty"` // trace ids of the linked spans
}

// spanFile appends each finished span to a file as a JSON line. Each line is one write to a file opened for appending, so several
// services, in one process or in several, may share the file.
type spanFile struct {
	forbidden Forbidden
	mu        sync.Mutex
	file      *os.File
}

func newSpanFile(path string, forbidden Forbidden) (*spanFile, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the span file (does its folder exist?): %w", err)
	}
	return &spanFile{file: f, forbidden: forbidden}, nil
}

// ExportSpans implements the OpenTelemetry exporter.
func (s *spanFile) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	for _, span := range spans {
		line, err := json.Marshal(spanRecord(span, s.forbidden))
		if err != nil {
			return fmt.Errorf("encode span %s: %w", span.Name(), err)
		}
		if _, err := s.file.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("write span %s: %w", span.Name(), err)
		}
	}
	return nil
}

// Shutdown implements the OpenTelemetry exporter.
func (s *spanFile) Shutdown(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

func spanRecord(span sdktrace.ReadOnlySpan, forbidden Forbidden) SpanRecord {
	r := SpanRecord{
		TraceID: span.SpanContext().TraceID().String(), SpanID: span.SpanContext().SpanID().String(),
		Name: span.Name(), Kind: span.SpanKind().String(),
		Start: span.StartTime().UTC(), End: span.EndTime().UTC(), Error: span.Status().Description,
	}
	if p := span.Parent(); p.SpanID().IsValid() {
		r.ParentID = p.SpanID().String()
	}
	if v, ok := span.Resource().Set().Value("service.name"); ok {
		r.Service = v.AsString()
	}
	if kvs := span.Attributes(); len(kvs) > 0 {
		r.Attributes = make(map[string]any, len(kvs))
		for _, kv := range kvs {
			r.Attributes[string(kv.Key)] = attributeValue(kv, forbidden)
		}
	}
	for _, l := range span.Links() {
		r.Links = append(r.Links, l.SpanContext.TraceID().String())
	}
	return r
}

func attributeValue(kv attribute.KeyValue, forbidden Forbidden) any {
	if forbidden.Has(string(kv.Key)) {
		return redacted
	}
	return kv.Value.AsInterface()
}

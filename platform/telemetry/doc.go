// Package telemetry produces traces, logs and metrics: OpenTelemetry spans with ids that X-Ray accepts, slog JSON lines that
// carry correlation, trace and span ids, and metrics as CloudWatch EMF lines and over OTLP.
//
// Callers never pass rows, personal fields or secrets to it (invariant 8).
package telemetry

// Package telemetry is where traces, logs and metrics come from: OpenTelemetry spans with ids that X-Ray takes,
// slog JSON lines that carry correlation, trace and span ids, and metrics as CloudWatch EMF lines and OTLP.
//
// No row, no personal field and no secret is ever given to it (invariant 8).
package telemetry

package telemetry

import "context"

// Unit is a CloudWatch unit.
type Unit string

// The units in use.
const (
	Count        Unit = "Count"
	Bytes        Unit = "Bytes"
	Milliseconds Unit = "Milliseconds"
	Seconds      Unit = "Seconds"
)

// Metrics records measurements. Few of them are Series, by service and outcome; all else are properties, which
// cost nothing until somebody asks for them.
type Metrics interface {
	// Record adds one value. Properties are alternating keys and values (dataset, portal host, status...).
	Record(ctx context.Context, name string, value float64, unit Unit, properties ...any)
}

// Discard records nothing.
type Discard struct{}

// Record does nothing.
func (Discard) Record(context.Context, string, float64, Unit, ...any) {}

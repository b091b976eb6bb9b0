package telemetry

import "context"

// Unit is a CloudWatch unit.
type Unit string

// The units in use.
const (
	Count        Unit = "Count"
	Bytes        Unit = "Bytes"
	Milliseconds Unit = "Milliseconds"
)

// Metrics records measurements. Few series: the dimensions are service and outcome, everything else is a property
// that costs nothing until somebody asks for it.
type Metrics interface {
	// Record adds one value. Properties are alternating keys and values (dataset, portal host, status...).
	Record(ctx context.Context, name string, value float64, unit Unit, properties ...any)
}

// Discard records nothing.
type Discard struct{}

// Record does nothing.
func (Discard) Record(context.Context, string, float64, Unit, ...any) {}

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

// Metrics records measurements. Only those that are Series become CloudWatch metrics, by service and outcome. The others, and all
// properties, are only fields of log lines.
type Metrics interface {
	// Record adds one value. Properties are alternating keys and values such as the dataset, the portal's host or a status.
	Record(ctx context.Context, name string, value float64, unit Unit, properties ...any)
}

// Discard records nothing.
type Discard struct{}

// Record does nothing.
func (Discard) Record(context.Context, string, float64, Unit, ...any) {}

package cost

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"
)

// Reviewed compares what one AWS service cost in a month with the estimate.
type Reviewed struct {
	Service  string  `json:"service"` // its name in AWS's bill
	Expected float64 `json:"expected_usd"`
	Actual   float64 `json:"actual_usd"`
}

// ExplorerCommand returns the command that asks AWS what a month cost, by service. Running it costs one cent.
func ExplorerCommand(env string, month time.Time) string {
	return fmt.Sprintf("aws ce get-cost-and-usage --granularity MONTHLY --metrics UnblendedCost --group-by Type=DIMENSION,Key=SERVICE "+
		`--time-period Start=%s,End=%s --filter '{"Tags":{"Key":"environment","Values":[%q]}}' > costs.json`, month.Format(time.DateOnly),
		month.AddDate(0, 1, 0).Format(time.DateOnly), env)
}

// ReadActual reads the output of ExplorerCommand: USD by AWS service.
func ReadActual(path string) (map[string]float64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the charges of the month: %w", err)
	}
	var answer struct {
		ResultsByTime []struct {
			Groups []struct {
				Keys    []string
				Metrics map[string]struct{ Amount, Unit string }
			}
		}
	}
	if err := json.Unmarshal(b, &answer); err != nil || len(answer.ResultsByTime) == 0 {
		return nil, fmt.Errorf("read %s: not the output of aws ce get-cost-and-usage", path)
	}
	out := map[string]float64{}
	for _, r := range answer.ResultsByTime {
		for _, g := range r.Groups {
			m, ok := g.Metrics["UnblendedCost"]
			usd, err := strconv.ParseFloat(m.Amount, 64)
			if !ok || err != nil || len(g.Keys) != 1 || m.Unit != "USD" {
				return nil, fmt.Errorf("read %s: it must have UnblendedCost in USD, by service", path)
			}
			out[g.Keys[0]] += usd
		}
	}
	return out, nil
}

// Review compares the charges of a month with the estimate. Services that cost more than expected come first.
func (t Table) Review(expected []Line, actual map[string]float64) []Reviewed {
	by := map[string]*Reviewed{}
	of := func(service string) *Reviewed {
		if by[service] == nil {
			by[service] = &Reviewed{Service: service}
		}
		return by[service]
	}
	for _, l := range expected {
		of(t.Prices[l.What].Bill).Expected += l.USD
	}
	for service, usd := range actual {
		of(service).Actual += usd
	}
	var out []Reviewed
	for _, service := range slices.Sorted(maps.Keys(by)) {
		if r := *by[service]; r.Expected >= 0.005 || r.Actual >= 0.005 {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b Reviewed) int { return cmp.Compare(b.Actual-b.Expected, a.Actual-a.Expected) })
	return out
}

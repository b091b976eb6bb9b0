package cost

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
)

//go:embed prices.json
var priceFile []byte

// Table is the price table.
type Table struct {
	AsOf         string                `json:"as_of"`
	Region       string                `json:"region"`
	Source       string                `json:"source"`
	Architecture float64               `json:"architecture_month"` // the cost of a month that the architecture states
	Budgets      map[string]float64    `json:"budgets"`            // by environment
	Prices       map[string]Price      `json:"prices"`
	Resources    map[string]string     `json:"resources"`      // by Terraform type: the price of each one
	Free         []string              `json:"free_resources"` // Terraform types that cost nothing by being there
	Assumptions  map[string]Assumption `json:"assumptions"`
}

// Price is the price of one unit.
type Price struct {
	Bill string  `json:"bill"` // the AWS service in bills and in Cost Explorer
	Unit string  `json:"unit"`
	USD  float64 `json:"usd"`
	Free float64 `json:"free"` // units per month and account that cost nothing
	Text string  `json:"text"`
}

// Assumption is a number that is neither in the plans nor counted.
type Assumption struct {
	Value float64 `json:"value"`
	Text  string  `json:"text"`
}

// Prices returns the price table of this build.
func Prices() Table {
	var t Table
	if err := json.Unmarshal(priceFile, &t); err != nil {
		panic("cost: the price table cannot be read: " + err.Error()) // a test reads it too
	}
	return t
}

func (t Table) assume(name string) float64 { return t.Assumptions[name].Value }

// Usage is a quantity of something that has a price.
type Usage struct {
	What     string // name in the table
	Service  string
	Dataset  string
	Quantity float64
}

// Line is the sum of all usages of one thing.
type Line struct {
	What     string  `json:"what"`
	Text     string  `json:"text"`
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	Free     float64 `json:"free"`
	Price    float64 `json:"usd_each"`
	USD      float64 `json:"usd"`
}

// Bill adds usages up, subtracts the free allowances, and returns a line for each thing, the most expensive first, and the
// total. Allowances are per account: the usages of the others in the account use them first.
func (t Table) Bill(all, used []Usage) ([]Line, float64) {
	sums, taken := map[string]float64{}, map[string]float64{}
	for _, u := range all {
		sums[u.What] += u.Quantity
	}
	for _, u := range used {
		taken[u.What] += u.Quantity
	}
	var out []Line
	total := 0.0
	for _, what := range slices.Sorted(maps.Keys(sums)) {
		p, ok := t.Prices[what]
		if !ok {
			panic(fmt.Sprintf("cost: %q has no price", what)) // a usage of this package that prices.json lacks
		}
		free := math.Max(0, p.Free-taken[what])
		l := Line{What: what, Text: p.Text, Quantity: sums[what], Unit: p.Unit, Free: free, Price: p.USD,
			USD: math.Max(0, sums[what]-free) * p.USD}
		total += l.USD
		out = append(out, l)
	}
	slices.SortStableFunc(out, func(a, b Line) int { return cmp.Compare(b.USD, a.USD) })
	return out, total
}

// List returns what usages cost without free allowances: what they add once the allowances are used up.
func (t Table) List(all []Usage) float64 {
	total := 0.0
	for _, u := range all {
		total += u.Quantity * t.Prices[u.What].USD
	}
	return total
}

package cost

import (
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
	Architecture float64               `json:"architecture_month"` // what the architecture says a month costs
	Budgets      map[string]float64    `json:"budgets"`            // by environment
	Prices       map[string]Price      `json:"prices"`
	Resources    map[string]string     `json:"resources"`      // of Terraform, each one of which costs the price named
	Free         []string              `json:"free_resources"` // of Terraform, that cost nothing by being there
	Assumptions  map[string]Assumption `json:"assumptions"`
}

// Price is what one of something costs.
type Price struct {
	Bill string  `json:"bill"` // the name under which AWS's bill and Cost Explorer have it
	Unit string  `json:"unit"`
	USD  float64 `json:"usd"`
	Free float64 `json:"free"` // a month, once an account
	Text string  `json:"text"`
}

// Assumption is a number that nothing tells.
type Assumption struct {
	Value float64 `json:"value"`
	Text  string  `json:"text"`
}

// Prices is the table that this build knows.
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

// Line is what all usages of one thing come to.
type Line struct {
	What     string  `json:"what"`
	Text     string  `json:"text"`
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	Free     float64 `json:"free"`
	Price    float64 `json:"usd_each"`
	USD      float64 `json:"usd"`
}

// Bill sums usages up, takes off what is free, and answers a line for each thing, the dearest first. What is free is so once an
// account: usages of others in it, beside, take theirs first.
func (t Table) Bill(all, beside []Usage) ([]Line, float64) {
	sums, taken := map[string]float64{}, map[string]float64{}
	for _, u := range all {
		sums[u.What] += u.Quantity
	}
	for _, u := range beside {
		taken[u.What] += u.Quantity
	}
	var out []Line
	total := 0.0
	for _, what := range slices.Sorted(maps.Keys(sums)) {
		p, ok := t.Prices[what]
		if !ok {
			panic(fmt.Sprintf("cost: %q has no price", what)) // ours to put into the table
		}
		free := math.Max(0, p.Free-taken[what])
		l := Line{What: what, Text: p.Text, Quantity: sums[what], Unit: p.Unit, Free: free, Price: p.USD, USD: math.Max(0, sums[what]-free) * p.USD}
		total += l.USD
		out = append(out, l)
	}
	slices.SortStableFunc(out, func(a, b Line) int {
		switch {
		case a.USD > b.USD:
			return -1
		case a.USD < b.USD:
			return 1
		}
		return 0
	})
	return out, total
}

// List is what usages come to when nothing is free: what they add once the allowances are used up.
func (t Table) List(all []Usage) float64 {
	total := 0.0
	for _, u := range all {
		total += u.Quantity * t.Prices[u.What].USD
	}
	return total
}

package quality

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/llac-project/llac/platform/lake"
)

// Metric is one thing that the quality gate measures on a candidate. Each metric is declared in a file of its own, named
// after it, by `var _ = register(Metric{…})`.
type Metric struct {
	// Name in contracts (implementation.metric) and in verdicts.
	Name string
	// Standard is the name of the metric in the Open Data Contract Standard; empty if a contract writes it as type: custom.
	Standard string
	// Units that a rule may choose from; the first is the default. Empty: the metric has no unit.
	Units []string
	// Dimension of a rule that does not name one, as in the standard ("completeness").
	Dimension string
	// Column states whether a rule is about one column.
	Column Need
	// Numeric: the column must be numeric.
	Numeric bool
	// Reference: the column must refer to a column of a dataset.
	Reference bool
	// Validity: the rule states which values are valid (Validities), at least one of them.
	Validity bool
	// Internal: only rules of BuiltIn use the metric; contracts cannot.
	Internal bool
	// Text describes the metric in docs/contracts.md.
	Text string
	// Start returns the measure of one rule, before the first row.
	Start func(Rule, *Subject) (Measure, error)
	// Cases show the metric at work: at least one that passes and one that fails. The gate's tests run them.
	Cases []Case
}

// Need states whether a metric is about a column.
type Need int

// The needs.
const (
	WholeTable  Need = iota // never about a column
	OneColumn               // always about one column
	ColumnOrKey             // about one column or, without one, about the key
	ColumnOrAny             // about one column or, without one, about the column with the highest value
)

// Validities are the arguments by which a rule states which values are valid.
var Validities = slices.Concat(StandardValidities, OwnValidities)

// StandardValidities are those that the standard's invalidValues has. OwnValidities are for rules of type custom.
var (
	StandardValidities = []string{"validValues", "pattern"}
	OwnValidities      = []string{"minimum", "maximum"}
)

// Case is one candidate and what a rule of the metric finds on it. The rows are those of a table with the columns thing_id
// (its key), kind, places (integer), score and price (numbers), and comarca_id, which refers to a table that contains "01"
// and "02".
type Case struct {
	Rule        string // the rest of the implementation in YAML: column and bound, "column: kind, mustBe: 0"
	Unit        string // of the rule; empty for the default
	Rows        string // JSON array of rows; a missing column is null
	Published   int64  // rows of the published snapshot; 0 if nothing is published
	Quarantined int64  // rows that the stager quarantined
	Duplicates  int64  // rows that the stager dropped as duplicates
	Cells       map[string]lake.Cells
	Fails       bool // the candidate is rejected
	Nothing     bool // there is nothing to measure
	Observed    float64
	Samples     int // failing rows in the verdict
}

// registered holds the metrics in the order of their files. Only register appends, while the package is initialized.
var registered []Metric

func register(m Metric) string {
	registered = append(registered, m)
	return m.Name
}

// All returns every metric, sorted by name.
func All() []Metric {
	return slices.SortedStableFunc(slices.Values(registered), func(a, b Metric) int { return cmp.Compare(a.Name, b.Name) })
}

// ForContracts returns the metrics that a contract may use, sorted by name.
func ForContracts() []Metric {
	return slices.DeleteFunc(All(), func(m Metric) bool { return m.Internal })
}

// ByName returns the metric of that name.
func ByName(name string) (Metric, bool) {
	i := slices.IndexFunc(registered, func(m Metric) bool { return m.Name == name })
	if i < 0 {
		return Metric{}, false
	}
	return registered[i], true
}

// Problems returns what is missing from the metrics, one sentence each. A test fails on each.
func Problems(metrics []Metric) []string {
	var out []string
	report := func(m Metric, format string, args ...any) {
		out = append(out, fmt.Sprintf("metric %q: %s", m.Name, fmt.Sprintf(format, args...)))
	}
	names, standards := map[string]bool{}, map[string]bool{}
	for _, m := range metrics {
		if names[m.Name] {
			report(m, "two metrics have this name; rename one")
		}
		if m.Standard != "" && standards[m.Standard] {
			report(m, "another metric has the standard name %s; leave Standard empty", m.Standard)
		}
		names[m.Name], standards[m.Standard] = true, true
		if m.Name == "" || strings.Trim(m.Name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			report(m, "the name must be lower-case letters and underscores")
		}
		if m.Start == nil {
			report(m, "it has no measuring; set Start")
		}
		if m.Text == "" {
			report(m, "it has no description; set Text")
		}
		if m.Internal {
			continue
		}
		if m.Dimension == "" {
			report(m, "it has no dimension; set Dimension")
		}
		if !slices.ContainsFunc(m.Cases, func(c Case) bool { return !c.Fails }) {
			report(m, "no case passes; add one to Cases")
		}
		if !slices.ContainsFunc(m.Cases, func(c Case) bool { return c.Fails }) {
			report(m, "no case fails; add one to Cases")
		}
	}
	return out
}

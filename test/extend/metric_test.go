//go:build slow

package extend

import (
	"strings"
	"testing"
)

// metric is a quality metric as a developer adds it: one file in platform/quality.
var metric = strings.ReplaceAll(`package quality

import "strings"

var _ = register(Metric{
	Name: "blank_percent", Column: OneColumn, Units: []string{"percent"}, Dimension: "completeness",
	Text: "Rows whose text is empty or only spaces, in percent of the values that are not null.",
	Start: func(rule Rule, _ *Subject) (Measure, error) {
		return &counter{unit: "percent", test: func(r Row) (counts, fails bool) {
			text, ok := r.Text(rule.Column)
			return ok, ok && strings.TrimSpace(text) == ""
		}}, nil
	},
	Cases: []Case{
		{Rule: "column: kind, mustBe: 0", Rows: ~[{"thing_id":"1","kind":"a"},{"thing_id":"2"}]~},
		{
			Rule: "column: kind, mustBe: 0", Rows: ~[{"thing_id":"1","kind":"a"},{"thing_id":"2","kind":" "}]~,
			Fails: true, Observed: 50, Samples: 1,
		},
	},
})
`, "~", "`")

// TestAMetricIsOneFile adds a metric to a copy of the tree. Contracts may use it, the gate measures it, its cases run, and the
// documentation is written by a command. A second metric of the same name is reported by name.
func TestAMetricIsOneFile(t *testing.T) {
	t.Parallel()
	dir := Copy(t)
	Write(t, dir, "platform/quality/blank_percent.go", metric)
	Run(t, dir, "go", "test", "./platform/quality")
	if out, err := Try(t, dir, "go", "test", "./platform/contract", "-run", "TestTheTableOfMetricsIsDerived"); err == nil ||
		!strings.Contains(out, "the table of metrics is out of date") {
		t.Errorf("the documentation lacks the metric, but its test does not report that: %v\n%s", err, out)
	}
	Run(t, dir, "go", "test", "./platform/contract", "-run", "TestTheTableOfMetricsIsDerived", "-update")
	Edit(t, dir, "datasets/municipalities.odcs.yaml", "      - name: does_not_shrink\n", `      - name: names_are_not_blank
        type: custom
        engine: llac
        implementation: {metric: blank_percent, column: comarca_name, mustBe: 0}
      - name: does_not_shrink
`)
	Run(t, dir, "go", "test", "./platform/contract") // its tests check the contracts in datasets/

	out := Run(t, dir, "go", "test", "./services/quality-gate", "-run", "TestMetrics", "-v")
	for _, name := range []string{"--- PASS: TestMetrics/blank_percent/1", "--- PASS: TestMetrics/blank_percent/2"} {
		if !strings.Contains(out, name) {
			t.Errorf("the gate's tests did not run the metric's case: %q is missing in\n%s", name, out)
		}
	}

	Write(t, dir, "platform/quality/blank_percent_again.go", metric)
	if out, err := Try(t, dir, "go", "test", "./platform/quality"); err == nil ||
		!strings.Contains(out, `metric "blank_percent": two metrics have this name`) {
		t.Errorf("two metrics of one name: %v\n%s", err, out)
	}
}

package quality

import "github.com/llac-project/llac/platform/lake"

var _ = register(Metric{
	Name: "null_percent", Standard: "nullValues", Column: OneColumn, Units: []string{"percent"}, Dimension: "completeness",
	Text: "Rows whose column is null, or would be without the contract's default, in percent of all rows.",
	Start: func(rule Rule, s *Subject) (Measure, error) {
		nulls := &counter{unit: "percent", test: func(r Row) (counts, fails bool) { return true, r.Null(rule.Column) }}
		nulls.failing = s.Cells[rule.Column].Defaulted
		return nulls, nil
	},
	Cases: []Case{
		{Rule: "column: kind, mustBeLessOrEqualTo: 50", Rows: `[{"thing_id":"a"},{"thing_id":"b","kind":"x"}]`, Observed: 50},
		{
			Rule:     "column: kind, mustBeLessThan: 50",
			Rows:     `[{"thing_id":"a"},{"thing_id":"b","kind":"x"}]`,
			Fails:    true,
			Observed: 50,
			Samples:  1,
		},
		{
			Rule: "column: kind, mustBeLessThan: 75", Rows: `[{"thing_id":"a"},{"thing_id":"b","kind":"x"},{"thing_id":"c","kind":"x"},` +
				`{"thing_id":"d","kind":"x"}]`,
			Cells: map[string]lake.Cells{"kind": {Defaulted: 2}}, Fails: true, Observed: 75, Samples: 1,
		},
	},
})

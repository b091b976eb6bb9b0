package quality

import "github.com/llac-project/llac/platform/lake"

var _ = register(Metric{
	Name: "defaulted_percent", Column: ColumnOrAny, Units: []string{"percent"}, Dimension: "completeness",
	Text: "Rows whose column has the contract's default because the source has no value, in percent of all rows.",
	Start: func(rule Rule, s *Subject) (Measure, error) {
		return s.measureCells(rule.Column, func(c lake.Cells) int64 { return c.Defaulted }), nil
	},
	Cases: []Case{
		{
			Rule: "column: kind, mustBeLessOrEqualTo: 50", Rows: `[{"thing_id":"a","kind":"x"},{"thing_id":"b","kind":"x"}]`, Observed: 50,
			Cells: map[string]lake.Cells{"kind": {Defaulted: 1}},
		},
		{
			Rule: "mustBeLessThan: 50", Rows: `[{"thing_id":"a","kind":"x"},{"thing_id":"b","kind":"x"}]`, Fails: true, Observed: 50,
			Cells: map[string]lake.Cells{"kind": {Defaulted: 1}},
		},
	},
})

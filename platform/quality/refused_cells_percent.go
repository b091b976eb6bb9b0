package quality

import "github.com/llac-project/llac/platform/lake"

var _ = register(Metric{
	Name: "refused_cells_percent", Column: ColumnOrAny, Units: []string{"percent"}, Dimension: "conformity",
	Text: "Rows whose value in the column was refused, in percent of all rows.",
	Start: func(rule Rule, s *Subject) (Measure, error) {
		return s.measureCells(rule.Column, func(c lake.Cells) int64 { return c.Refused }), nil
	},
	Cases: []Case{
		{
			Rule: "column: kind, mustBeLessOrEqualTo: 50",
			Rows: `[{"thing_id":"a","refused_cells":3},{"thing_id":"b","kind":"x"}]`, Observed: 50,
			Cells: map[string]lake.Cells{"kind": {Refused: 1}, "places": {Refused: 2}},
		},
		{Rule: "mustBeLessOrEqualTo: 1", Rows: `[{"thing_id":"a"},{"thing_id":"b","kind":"x"}]`},
		{
			Rule: "mustBeLessOrEqualTo: 50",
			Rows: `[{"thing_id":"a","refused_cells":3},{"thing_id":"b","kind":"x"}]`, Fails: true, Observed: 100,
			Cells: map[string]lake.Cells{"kind": {Refused: 1}, "places": {Refused: 2}},
		},
	},
})

package quality

var _ = register(Metric{
	Name: "row_count", Standard: "rowCount", Units: []string{"rows"}, Dimension: "completeness",
	Text: "Number of rows. Of a sliced dataset: of one slice.",
	Start: func(Rule, *Subject) (Measure, error) {
		return &rowCounter{result: func(rows int64) Result { return Result{Value: float64(rows)} }}, nil
	},
	Cases: []Case{
		{Rule: "mustBeBetween: [2, 3]", Rows: `[{"thing_id":"a"},{"thing_id":"b"},{"thing_id":"c"}]`, Observed: 3},
		{
			Rule:     "mustBeBetween: [2, 3]",
			Rows:     `[{"thing_id":"a"},{"thing_id":"b"},{"thing_id":"c"},{"thing_id":"d"}]`,
			Fails:    true,
			Observed: 4,
		},
		{Rule: "mustBeGreaterThan: 3", Rows: `[{"thing_id":"a"},{"thing_id":"b"},{"thing_id":"c"}]`, Fails: true, Observed: 3},
		{Rule: "mustBeLessThan: 3", Rows: `[{"thing_id":"a"},{"thing_id":"b"},{"thing_id":"c"}]`, Fails: true, Observed: 3},
	},
})

package quality

var _ = register(Metric{
	Name: "maximum", Column: OneColumn, Numeric: true, Dimension: "accuracy",
	Text: "Largest value of the column. Passes if all are null.",
	Start: func(rule Rule, _ *Subject) (Measure, error) {
		return &extreme{rule: rule, beyond: func(value, largest float64) bool { return value > largest }}, nil
	},
	Cases: []Case{
		{Rule: "column: score, mustBeLessOrEqualTo: 1", Rows: `[{"thing_id":"1","score":0.25},{"thing_id":"2","score":1}]`, Observed: 1},
		{
			Rule: "column: score, mustBeLessOrEqualTo: 1", Fails: true, Observed: 1.5, Samples: 1,
			Rows: `[{"thing_id":"1","score":-1},{"thing_id":"2","score":1.5}]`,
		},
		{Rule: "column: score, mustBeLessOrEqualTo: 1", Rows: `[{"thing_id":"1"}]`, Nothing: true},
	},
})

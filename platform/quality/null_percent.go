package quality

var _ = register(Metric{
	Name: "null_percent", Standard: "nullValues", Column: OneColumn, Units: []string{"percent"}, Dimension: "completeness",
	Text: "Rows whose column is null, in percent of all rows.",
	Start: func(rule Rule, _ *Subject) (Measure, error) {
		return &counter{unit: "percent", test: func(r Row) (counts, fails bool) { return true, r.Null(rule.Column) }}, nil
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
	},
})

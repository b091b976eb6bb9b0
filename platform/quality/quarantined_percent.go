package quality

var _ = register(Metric{
	Name: "quarantined_percent", Units: []string{"percent"}, Dimension: "conformity",
	Text: "Rows that the stager quarantined, in percent of the rows that it read.",
	Start: func(_ Rule, s *Subject) (Measure, error) {
		return &rowCounter{result: func(int64) Result { return Result{Value: share(s.Quarantined, s.RowsIn, "percent")} }}, nil
	},
	Cases: []Case{
		{
			Rule: "mustBeLessOrEqualTo: 20", Quarantined: 1, Observed: 20,
			Rows: `[{"thing_id":"1"},{"thing_id":"2"},{"thing_id":"3"},{"thing_id":"4"}]`,
		},
		{
			Rule: "mustBeLessOrEqualTo: 20", Quarantined: 1, Fails: true, Observed: 25,
			Rows: `[{"thing_id":"1"},{"thing_id":"2"},{"thing_id":"3"}]`,
		},
	},
})

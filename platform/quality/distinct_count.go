package quality

var _ = register(Metric{
	Name: "distinct_count", Column: OneColumn, Dimension: "coverage",
	Text: "Number of different values of the column, without null. A failing rule shows the rarest values.",
	Start: func(rule Rule, s *Subject) (Measure, error) {
		values := s.DistinctValues(rule.Column)
		values.tally = map[string]int64{}
		return &rowCounter{result: func(int64) Result {
			r := Result{Value: float64(values.Count())}
			if !r.Passes(rule) {
				r.Note = values.rarest()
			}
			return r
		}}, nil
	},
	Cases: []Case{
		{
			Rule: "column: kind, mustBeGreaterOrEqualTo: 2", Observed: 2,
			Rows: `[{"thing_id":"1","kind":"a"},{"thing_id":"2","kind":"b"},{"thing_id":"3","kind":"a"},{"thing_id":"4"}]`,
		},
		{
			Rule: "column: kind, mustBeGreaterOrEqualTo: 2", Fails: true, Observed: 1,
			Rows: `[{"thing_id":"1","kind":"a"},{"thing_id":"2","kind":"a"}]`,
		},
	},
})

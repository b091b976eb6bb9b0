package quality

var _ = register(Metric{
	Name: "row_count_change_percent", Units: []string{"percent"}, Dimension: "consistency",
	Text: "Change of the row count in percent of the published snapshot: -20 is a fifth fewer. Passes if nothing is published yet.",
	Start: func(_ Rule, s *Subject) (Measure, error) {
		return &rowCounter{result: func(rows int64) Result {
			if s.Published == nil || *s.Published == 0 {
				return Result{Nothing: true, Note: "no published snapshot to compare with"}
			}
			published := float64(*s.Published)
			return Result{Value: 100 * (float64(rows) - published) / published, Baseline: &published}
		}}, nil
	},
	Cases: []Case{
		{Rule: "mustBeGreaterOrEqualTo: -20", Rows: `[{"thing_id":"a"}]`, Nothing: true},
		{Rule: "mustBeGreaterOrEqualTo: -50", Rows: `[{"thing_id":"a"}]`, Published: 2, Observed: -50},
		{Rule: "mustBeGreaterOrEqualTo: -20", Rows: `[{"thing_id":"a"}]`, Published: 2, Fails: true, Observed: -50},
	},
})

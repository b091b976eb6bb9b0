package quality

var _ = register(Metric{
	Name: "duplicate_count", Standard: "duplicateValues", Column: ColumnOrKey, Units: []string{"rows"}, Dimension: "uniqueness",
	Text: "Rows whose value an earlier row has too.",
	Start: func(rule Rule, s *Subject) (Measure, error) {
		values := s.DistinctKeys()
		if rule.Column != "" {
			values = s.DistinctValues(rule.Column)
		}
		return &counter{unit: rule.Unit, test: func(Row) (counts, fails bool) { return true, values.Repeated() }}, nil
	},
	Cases: []Case{
		{Rule: "column: kind, mustBe: 0", Rows: `[{"thing_id":"a"},{"thing_id":"b"},{"thing_id":"c","kind":"x"}]`},
		{
			Rule: "column: kind, mustBe: 0", Rows: `[{"thing_id":"a","kind":"x"},{"thing_id":"b","kind":"x"},{"thing_id":"c","kind":"x"}]`,
			Fails: true, Observed: 2, Samples: 2,
		},
		{Rule: "mustBe: 0", Rows: `[{"thing_id":"a","kind":"x"},{"thing_id":"b","kind":"x"}]`},
	},
})

package quality

var _ = register(Metric{
	Name: "reference_orphans", Column: OneColumn, Reference: true, Units: []string{"rows", "percent"}, Dimension: "consistency",
	Text: "Rows whose value is not in the referenced dataset's published snapshot.",
	Start: func(rule Rule, s *Subject) (Measure, error) {
		referenced := s.References[rule.Column]
		orphan := func(r Row) (counts, fails bool) {
			text, ok := r.Text(rule.Column)
			return ok, ok && !referenced.Values[text]
		}
		return &counter{unit: rule.Unit, test: orphan, note: referenced.Note}, nil
	},
	Cases: []Case{
		{Rule: "column: comarca_id, mustBe: 0", Rows: `[{"thing_id":"1","comarca_id":"01"},{"thing_id":"2","comarca_id":null}]`},
		{
			Rule: "column: comarca_id, mustBe: 0", Fails: true, Observed: 1, Samples: 1,
			Rows: `[{"thing_id":"1","comarca_id":"01"},{"thing_id":"2","comarca_id":"77"}]`,
		},
		{
			Rule: "column: comarca_id, mustBeLessOrEqualTo: 49", Unit: "percent",
			Rows: `[{"thing_id":"1","comarca_id":"01"},{"thing_id":"2","comarca_id":"77"}]`, Fails: true, Observed: 50, Samples: 1,
		},
	},
})

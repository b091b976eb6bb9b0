package quality

var _ = register(Metric{
	Name: "minimum", Column: OneColumn, Numeric: true, Dimension: "accuracy",
	Text: "Smallest value of the column. Passes if all are null.",
	Start: func(rule Rule, _ *Subject) (Measure, error) {
		return &extreme{rule: rule, beyond: func(value, smallest float64) bool { return value < smallest }}, nil
	},
	Cases: []Case{
		{Rule: "column: places, mustBeGreaterOrEqualTo: 0", Rows: `[{"thing_id":"1","places":7},{"thing_id":"2","places":0}]`},
		{
			Rule: "column: places, mustBeGreaterOrEqualTo: 0", Fails: true, Observed: -3, Samples: 1,
			Rows: `[{"thing_id":"1","places":7},{"thing_id":"2","places":-3}]`,
		},
		{Rule: "column: places, mustBeGreaterOrEqualTo: 0", Rows: `[{"thing_id":"1"}]`, Nothing: true},
	},
})

// extreme keeps the value of a column that no other value is beyond. A row fails if its own value is beyond a bound.
type extreme struct {
	rule   Rule
	beyond func(value, extreme float64) bool
	value  float64
	found  bool
}

func (e *extreme) Add(r Row) bool {
	value, ok := r.Number(e.rule.Column)
	if ok && (!e.found || e.beyond(value, e.value)) {
		e.value, e.found = value, true
	}
	fails := false
	for _, bound := range []*float64{e.rule.Min, e.rule.Max} {
		fails = fails || ok && bound != nil && e.beyond(value, *bound) && !e.rule.Allows(value)
	}
	return fails
}

func (e *extreme) Result() Result { return Result{Value: e.value, Nothing: !e.found} }

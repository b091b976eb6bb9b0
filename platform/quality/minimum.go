package quality

var _ = register(Metric{
	Name: "minimum", Column: OneColumn, Numeric: true, Dimension: "accuracy",
	Text: "Smallest value of the column. Passes if all are null.",
	Start: func(rule Rule, _ *Subject) (Measure, error) {
		return &extreme{column: rule.Column, beyond: func(value, smallest float64) bool { return value < smallest }}, nil
	},
	Cases: []Case{
		{Rule: "column: places, mustBeGreaterOrEqualTo: 0", Rows: `[{"thing_id":"1","places":7},{"thing_id":"2","places":0}]`},
		{
			Rule: "column: places, mustBeGreaterOrEqualTo: 0", Fails: true, Observed: -3,
			Rows: `[{"thing_id":"1","places":7},{"thing_id":"2","places":-3}]`,
		},
		{Rule: "column: places, mustBeGreaterOrEqualTo: 0", Rows: `[{"thing_id":"1"}]`, Nothing: true},
	},
})

// extreme keeps the value of a column that no other value is beyond.
type extreme struct {
	column string
	beyond func(value, extreme float64) bool
	value  float64
	found  bool
}

func (e *extreme) Add(r Row) bool {
	if value, ok := r.Number(e.column); ok && (!e.found || e.beyond(value, e.value)) {
		e.value, e.found = value, true
	}
	return false
}

func (e *extreme) Result() Result { return Result{Value: e.value, Nothing: !e.found} }

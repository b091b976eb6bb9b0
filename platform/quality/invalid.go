package quality

import (
	"regexp"
	"slices"
)

var _ = register(Metric{
	Name: "invalid", Standard: "invalidValues", Column: OneColumn, Units: []string{"rows", "percent"},
	Dimension: "conformity", Validity: true,
	Text: "Rows whose value is not listed, does not match or is out of range.",
	Start: func(rule Rule, _ *Subject) (Measure, error) {
		v := validity{rule: rule}
		if rule.Pattern != "" {
			var err error
			if v.pattern, err = regexp.Compile(`^(?:` + rule.Pattern + `)$`); err != nil {
				return nil, err
			}
		}
		return &counter{unit: rule.Unit, test: v.test}, nil
	},
	Cases: []Case{
		{Rule: `column: kind, validValues: ["a", "b"], mustBe: 0`, Rows: `[{"thing_id":"1","kind":"a"},{"thing_id":"2","kind":"b"}]`},
		{
			Rule: `column: kind, validValues: ["b"], mustBe: 0`, Fails: true, Observed: 2, Samples: 2,
			Rows: `[{"thing_id":"1","kind":"a"},{"thing_id":"2","kind":"a"}]`,
		},
		{
			Rule: `column: kind, pattern: "[ab]", mustBe: 0`, Fails: true, Observed: 1, Samples: 1,
			Rows: `[{"thing_id":"1","kind":"ab"},{"thing_id":"2","kind":"a"}]`,
		},
		{
			Rule: `column: places, minimum: 0, maximum: 9, mustBe: 0`,
			Rows: `[{"thing_id":"1","places":0},{"thing_id":"2","places":9},{"thing_id":"3"}]`,
		},
		{
			Rule: `column: places, minimum: 0, maximum: 9, mustBeLessOrEqualTo: 10`, Unit: "percent",
			Rows: `[{"thing_id":"1","places":-1},{"thing_id":"2","places":9},{"thing_id":"3"}]`, Fails: true, Observed: 50, Samples: 1,
		},
	},
})

// validity tests values against the arguments of a rule.
type validity struct {
	rule    Rule
	pattern *regexp.Regexp
}

func (v validity) test(r Row) (counts, fails bool) {
	text, ok := r.Text(v.rule.Column)
	if !ok {
		return false, false
	}
	listed := len(v.rule.Values) == 0 || slices.Contains(v.rule.Values, text)
	matches := v.pattern == nil || v.pattern.MatchString(text)
	return true, !listed || !matches || !v.inRange(r)
}

func (v validity) inRange(r Row) bool {
	if v.rule.Low == nil && v.rule.High == nil {
		return true
	}
	value, ok := r.Number(v.rule.Column)
	return ok && (v.rule.Low == nil || value >= *v.rule.Low) && (v.rule.High == nil || value <= *v.rule.High)
}

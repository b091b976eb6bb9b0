package gate

import (
	"fmt"
	"math"
	"strconv"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
)

// problems returns the failed rules as the problems of an event.
func problems(v lake.Verdict) []events.Problem {
	var out []events.Problem
	for _, r := range v.Rules {
		if r.Failed() {
			out = append(out, events.Problem{Code: r.Name, Field: r.Column, Message: sentence(r)})
		}
	}
	return out
}

// sentence describes a failed rule.
func sentence(r lake.RuleResult) string {
	if r.Note != "" && r.Observed == nil {
		return r.Note
	}
	s := r.Metric
	if r.Column != "" {
		s += " of " + r.Column
	}
	if r.Observed != nil {
		s += fmt.Sprintf(" is %s", number(*r.Observed))
	}
	if r.Unit == "percent" {
		s += " %"
	}
	switch {
	case r.Minimum != nil && r.Maximum != nil:
		s += fmt.Sprintf(", allowed %s to %s", number(*r.Minimum), number(*r.Maximum))
	case r.Minimum != nil:
		s += fmt.Sprintf(", allowed from %s", number(*r.Minimum))
	case r.Maximum != nil:
		s += fmt.Sprintf(", allowed up to %s", number(*r.Maximum))
	}
	if r.Baseline != nil {
		s += fmt.Sprintf(" (published: %s)", number(*r.Baseline))
	}
	if r.Note != "" {
		s += "; " + r.Note
	}
	return s
}

// number formats with at most three decimals.
func number(f float64) string {
	return strconv.FormatFloat(math.Round(f*1000)/1000, 'f', -1, 64)
}

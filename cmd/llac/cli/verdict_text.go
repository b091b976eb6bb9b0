package cli

import (
	"strings"

	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/lake"
)

// verdictText writes the gate's verdict rule by rule.
func verdictText(t *text, v ledger.Verdict) {
	result := t.paint(green, "passed")
	if !v.Passed {
		result = t.paint(red, "rejected")
	}
	baseline := "no baseline"
	if v.ComparedWith != "" {
		baseline = "snapshot " + v.ComparedWith
	}
	t.line("\nverdict on %s: %s, compared with %s (%s)", v.RunID, result, baseline, v.Key)
	var rows [][]string
	for _, r := range v.Rules {
		name := r.Name
		if r.Column != "" {
			name += " (" + r.Column + ")"
		}
		rows = append(rows, []string{"  " + name, observed(r.Observed, r.Unit), allowed(r), ruleResult(r), note(r)})
	}
	t.table([]string{"  RULE", ">OBSERVED", "ALLOWED", "RESULT", "NOTE"}, rows, func(row, column int) string {
		switch r := v.Rules[row]; {
		case column != 3:
			return ""
		case r.Passed:
			return green
		case r.Severity == "warning":
			return yellow
		}
		return red
	})
	for _, r := range v.Rules {
		if !r.Passed {
			samples(t, r)
		}
	}
}

// samples writes some of the values that fail a rule.
func samples(t *text, r lake.RuleResult) {
	for _, s := range r.Samples {
		var key []string
		for _, k := range sortedKeys(s.Key) {
			key = append(key, k+"="+s.Key[k])
		}
		t.line("  %s fails for %s: %q", r.Name, dash(strings.Join(key, " ")), s.Value)
	}
}

// note returns the rule's note and, if the rule failed, on which side to look for the cause.
func note(r lake.RuleResult) string {
	if r.Passed || r.Side == "" {
		return r.Note
	}
	return strings.TrimPrefix(r.Note+"; ", "; ") + "on the " + r.Side + "'s side"
}

func observed(v *float64, unit string) string {
	if v == nil {
		return "-"
	}
	return format.Decimal(*v) + percent(unit)
}

func percent(unit string) string {
	if unit == "percent" {
		return " %"
	}
	return ""
}

func allowed(r lake.RuleResult) string {
	switch {
	case r.Minimum != nil && r.Maximum != nil && *r.Minimum == *r.Maximum:
		return format.Decimal(*r.Minimum) + percent(r.Unit)
	case r.Minimum != nil && r.Maximum != nil:
		return format.Decimal(*r.Minimum) + " to " + format.Decimal(*r.Maximum) + percent(r.Unit)
	case r.Minimum != nil:
		return "from " + format.Decimal(*r.Minimum) + percent(r.Unit)
	case r.Maximum != nil:
		return "up to " + format.Decimal(*r.Maximum) + percent(r.Unit)
	}
	return "-"
}

func ruleResult(r lake.RuleResult) string {
	switch {
	case r.Passed:
		return "passed"
	case r.Severity == "warning":
		return "warning"
	}
	return "failed"
}

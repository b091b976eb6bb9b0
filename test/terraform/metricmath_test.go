package terraform

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"strconv"
	"testing"
)

// metricMath evaluates an expression of CloudWatch's metric math on one period. A metric without data is absent; an operation on an absent
// value is absent; FILL(m, n) replaces it with n; a division by zero has no value (CloudWatch user guide, "Using math expressions"). The
// expressions used here have the syntax of Go.
func metricMath(expression string, values map[string]float64) (float64, bool, error) {
	e, err := parser.ParseExpr(expression)
	if err != nil {
		return 0, false, fmt.Errorf("%s: %w", expression, err)
	}
	var wrong error
	var eval func(ast.Expr) (float64, bool)
	eval = func(e ast.Expr) (float64, bool) {
		switch e := e.(type) {
		case *ast.ParenExpr:
			return eval(e.X)
		case *ast.Ident:
			v, ok := values[e.Name]
			return v, ok
		case *ast.BasicLit:
			v, err := strconv.ParseFloat(e.Value, 64)
			return v, err == nil
		case *ast.BinaryExpr:
			a, there := eval(e.X)
			b, too := eval(e.Y)
			if there = there && too; !there {
				return 0, false
			}
			switch e.Op {
			case token.ADD:
				return a + b, true
			case token.SUB:
				return a - b, true
			case token.MUL:
				return a * b, true
			case token.QUO:
				v := a / b
				return v, !math.IsNaN(v) && !math.IsInf(v, 0)
			}
		case *ast.CallExpr:
			if f, ok := e.Fun.(*ast.Ident); ok && f.Name == "FILL" && len(e.Args) == 2 {
				if v, there := eval(e.Args[0]); there {
					return v, true
				}
				return eval(e.Args[1])
			}
		}
		wrong = fmt.Errorf("evaluate %s: unsupported expression", expression)
		return 0, false
	}
	v, ok := eval(e)
	return v, ok, wrong
}

// TestShareAlarms checks when an alarm of a share starts: without requests or rows its state does not change.
func TestShareAlarms(t *testing.T) {
	t.Parallel()
	cases := map[string][]struct {
		about  string
		values map[string]float64
		want   string // alarm, ok, or unchanged
	}{
		"llac-dev-portals": {
			{"no request", nil, "unchanged"},
			{"requests reported as 0", map[string]float64{"good": 0, "bad": 0}, "unchanged"},
			{"every response good, no metric of bad ones", map[string]float64{"good": 20}, "ok"},
			{"every response bad", map[string]float64{"bad": 5}, "alarm"},
			{"one in ten bad", map[string]float64{"good": 9, "bad": 1}, "ok"},
			{"half of them bad", map[string]float64{"good": 5, "bad": 5}, "alarm"},
		},
		"llac-dev-quarantine": {
			{"no rows staged", nil, "unchanged"},
			{"a dataset without rows", map[string]float64{"quarantined": 0, "staged": 0}, "unchanged"},
			{"no row quarantined", map[string]float64{"quarantined": 0, "staged": 5000}, "ok"},
			{"a tenth quarantined", map[string]float64{"quarantined": 500, "staged": 4500}, "alarm"},
			{"all quarantined", map[string]float64{"quarantined": 10, "staged": 0}, "alarm"},
		},
	}
	seen := 0
	for _, r := range monitored(t) {
		queries, _ := r.Change.After["metric_query"].([]any)
		if r.Type != "aws_cloudwatch_metric_alarm" || len(queries) == 0 {
			continue
		}
		if r.text("treat_missing_data") != "ignore" {
			t.Errorf("%s: treat_missing_data is %s, want ignore", r.text("alarm_name"), r.text("treat_missing_data"))
		}
		expression := ""
		for _, q := range queries {
			if q := q.(map[string]any); q["return_data"] == true {
				expression, _ = q["expression"].(string)
			}
		}
		all, ok := cases[r.text("alarm_name")]
		if !ok {
			t.Errorf("%s has an expression and no case: %s", r.text("alarm_name"), expression)
		}
		threshold, _ := r.Change.After["threshold"].(float64)
		for _, c := range all {
			seen++
			v, there, err := metricMath(expression, c.values)
			got := "ok"
			switch below := r.text("comparison_operator") == "LessThanThreshold"; {
			case err != nil:
				t.Error(err)
			case !there:
				got = "unchanged"
			case below && v < threshold, !below && v > threshold:
				got = "alarm"
			}
			if got != c.want {
				t.Errorf("%s, %s: %s, want %s", r.text("alarm_name"), c.about, got, c.want)
			}
		}
	}
	if seen != 11 {
		t.Errorf("%d cases were evaluated, want 11", seen)
	}
}

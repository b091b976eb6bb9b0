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

// metricMath evaluates an expression of CloudWatch's metric math on one period: metrics that reported nothing are absent, what is made of an
// absent value is absent, FILL(m, n) puts n for it, and a division by zero has no value (CloudWatch user guide, "Using math expressions").
// Metric math is written as Go's, as far as we use it.
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
		wrong = fmt.Errorf("%s: a form that is not known", expression)
		return 0, false
	}
	v, ok := eval(e)
	return v, ok, wrong
}

// TestAlarmsOfShares: nothing asked or staged is no alarm and no end of one; all bad is one.
func TestAlarmsOfShares(t *testing.T) {
	t.Parallel()
	cases := map[string][]struct {
		about  string
		values map[string]float64
		want   string // alarm, ok, or nothing: the alarm stays as it is
	}{
		"llac-dev-portals": {
			{"nobody asked", nil, "nothing"},
			{"asked, and reported as nothing", map[string]float64{"good": 0, "bad": 0}, "nothing"},
			{"every answer good, none ever bad", map[string]float64{"good": 20}, "ok"},
			{"every answer bad", map[string]float64{"bad": 5}, "alarm"},
			{"one in ten bad", map[string]float64{"good": 9, "bad": 1}, "ok"},
			{"half of them bad", map[string]float64{"good": 5, "bad": 5}, "alarm"},
		},
		"llac-dev-quarantine": {
			{"nothing staged", nil, "nothing"},
			{"a dataset without rows", map[string]float64{"aside": 0, "staged": 0}, "nothing"},
			{"all well", map[string]float64{"aside": 0, "staged": 5000}, "ok"},
			{"a tenth set aside", map[string]float64{"aside": 500, "staged": 4500}, "alarm"},
			{"all set aside", map[string]float64{"aside": 10, "staged": 0}, "alarm"},
		},
	}
	seen := 0
	for _, r := range watched(t) {
		queries, _ := r.Change.After["metric_query"].([]any)
		if r.Type != "aws_cloudwatch_metric_alarm" || len(queries) == 0 {
			continue
		}
		if r.text("treat_missing_data") != "ignore" {
			t.Errorf("%s: what is not known is not over", r.text("alarm_name"))
		}
		expression := ""
		for _, q := range queries {
			if q := q.(map[string]any); q["return_data"] == true {
				expression, _ = q["expression"].(string)
			}
		}
		all, ok := cases[r.text("alarm_name")]
		if !ok {
			t.Errorf("%s is of an expression, and no case says when it is to tell: %s", r.text("alarm_name"), expression)
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
				got = "nothing"
			case below && v < threshold, !below && v > threshold:
				got = "alarm"
			}
			if got != c.want {
				t.Errorf("%s, %s: %s, want %s", r.text("alarm_name"), c.about, got, c.want)
			}
		}
	}
	if seen != 11 {
		t.Errorf("%d cases were looked at", seen)
	}
}

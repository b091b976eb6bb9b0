package rowrule_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/platform/contract/rowrule"
)

type row map[string]any

func (r row) Value(column string) any { return r[column] }

var columns = map[string]rowrule.Kind{
	"year": rowrule.Text, "district": rowrule.Text, "town": rowrule.Text, "q1": rowrule.Integer, "q2": rowrule.Integer,
	"total": rowrule.Integer, "share": rowrule.Number, "open": rowrule.Boolean, "day": rowrule.Timestamp,
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	day := time.Date(2025, 8, 3, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		condition string
		row       row
		want      rowrule.Outcome
	}{
		{"q1 + q2 == total", row{"q1": int64(1), "q2": int64(2), "total": int64(3)}, rowrule.Holds},
		{"q1 + q2 == total", row{"q1": int64(1), "q2": int64(2), "total": int64(4)}, rowrule.Violated},
		{"q1 + q2 == total", row{"q1": int64(1), "total": int64(4)}, rowrule.NotApplicable},
		{`district == "00" || town == "080193"`, row{"district": "07", "town": "170792"}, rowrule.Violated},
		{`district == "00" || town == "080193"`, row{"district": "07"}, rowrule.NotApplicable},
		{`district == "00" || (town != null && town == "080193")`, row{"district": "07"}, rowrule.Violated},
		{`district == "00" || (town != null && town == "080193")`, row{"district": "00"}, rowrule.Holds},
		{`district.matches("^(0[0-9]|10)$")`, row{"district": "11"}, rowrule.Violated},
		{`int(year) <= run_date.getFullYear()`, row{"year": "2204", "run_date": day}, rowrule.Violated},
		{`int(year) <= run_date.getFullYear()`, row{"year": "2025", "run_date": day}, rowrule.Holds},
		{`int(year) <= run_date.getFullYear()`, row{"year": "2025"}, rowrule.NotApplicable},
		{`int(year) > 0`, row{"year": "not a number"}, rowrule.Violated},
		{"q1 / q2 == total", row{"q1": int64(1), "q2": int64(0), "total": int64(0)}, rowrule.Violated},
		{"q1 * q2 > 0", row{"q1": int64(1) << 62, "q2": int64(4)}, rowrule.Violated}, // an overflow
		{"share < 0.5 && open", row{"share": 0.25, "open": true}, rowrule.Holds},
		{"open", row{"open": false}, rowrule.Violated},
		{"day <= run_date", row{"day": day, "run_date": day}, rowrule.Holds},
		{"double(q1) / double(total) < share", row{"q1": int64(1), "total": int64(4), "share": 0.5}, rowrule.Holds},
	} {
		condition, err := rowrule.Compile(c.condition, columns)
		if err != nil {
			t.Errorf("%s: %v", c.condition, err)
			continue
		}
		if got := condition.Evaluate(c.row); got != c.want {
			t.Errorf("%s on %v: got %d, want %d", c.condition, c.row, got, c.want)
		}
	}
}

func TestColumns(t *testing.T) {
	t.Parallel()
	c, err := rowrule.Compile("q2 > 0 || q1 > 0 || run_date > day || q1 < 9", columns)
	if err != nil || strings.Join(c.Columns, " ") != "day q1 q2" {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestIssues(t *testing.T) {
	t.Parallel()
	for condition, want := range map[string]rowrule.Issue{
		"q1 +":                       {Line: 1, Column: 5, Message: "Syntax error"},
		"q1 +\n  q9 == 2":            {Line: 2, Column: 3, Message: "undeclared reference to 'q9'"},
		`q1 == "1"`:                  {Line: 1, Column: 4, Message: "no matching overload"},
		"q1 + q2":                    {Line: 1, Column: 1, Message: "want bool"},
		"1 == 1":                     {Line: 1, Column: 1, Message: "reads no column"},
		`district.matches("[")`:      {Line: 1, Column: 18, Message: "invalid matches argument"},
		"":                           {Line: 1, Column: 1, Message: "Syntax error"},
		"run_date.getFullYear() > 1": {Line: 1, Column: 1, Message: "reads no column"},
	} {
		_, err := rowrule.Compile(condition, columns)
		var issue *rowrule.Issue
		if !errors.As(err, &issue) || issue.Line != want.Line || issue.Column != want.Column ||
			!strings.Contains(issue.Message, want.Message) {
			t.Errorf("%q: got %v, want %v", condition, err, want)
		}
	}
}

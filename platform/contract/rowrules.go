package contract

import (
	"errors"
	"slices"
	"strings"

	"github.com/llac-project/llac/platform/contract/rowrule"
)

// RowRule is a condition that every row must satisfy, over several of its columns.
type RowRule struct {
	Name        string // unique in the contract
	Description string
	Condition   string // in CEL; see package rowrule
	Action      RuleAction
	Columns     []string // with RuleCell: the columns that become null
}

// RuleAction is what happens to a row that violates a rule.
type RuleAction string

// The actions.
const (
	RuleRow  RuleAction = "row"  // the row is quarantined
	RuleCell RuleAction = "cell" // the rule's columns become null, and their cells are refused
	RuleWarn RuleAction = "warn" // the row is staged as it is, and the violation is recorded
)

// Repair is a second reading of a column's values, for values that the source spoils in a known way.
type Repair string

// RepairThousands reads a whole number as thousands whose separator was taken for a decimal point: "1.151" as 1151 and "1" as
// 1000.
const RepairThousands Repair = "thousands"

const rowRuleForm = "write {name: quarters_add_up, condition: q1 + q2 == half, action: cell, description: …}"

// readRowRules decodes llacRowRules and compiles each condition.
func (d *document) readRowRules(c *Contract, n node) {
	if !n.exists() {
		return
	}
	if !n.isSequence() {
		d.report(n, rowRuleForm, "must be a list of rules")
		return
	}
	kinds := c.rowRuleColumns()
	seen := map[string]bool{}
	for _, item := range n.items() {
		if r, ok := d.readRowRule(c, item, kinds); ok {
			if seen[r.Name] {
				d.report(item.get("name"), "give each rule its own name", "two row rules are called %q", r.Name)
			}
			seen[r.Name] = true
			c.RowRules = append(c.RowRules, r)
		}
	}
}

// rowRuleColumns returns the columns that a condition may read.
func (c *Contract) rowRuleColumns() map[string]rowrule.Kind {
	kinds := map[string]rowrule.Kind{}
	for _, f := range c.Fields {
		if f.Staged && !f.Personal() && f.Type != JSON {
			kinds[f.Name] = f.RuleKind()
		}
	}
	return kinds
}

// RuleKind returns the type of the column in conditions.
func (f Field) RuleKind() rowrule.Kind {
	switch f.Type {
	case Integer:
		return rowrule.Integer
	case Number, Decimal:
		return rowrule.Number
	case Boolean:
		return rowrule.Boolean
	case Date, Timestamp:
		return rowrule.Timestamp
	}
	return rowrule.Text
}

// CompileRowRule compiles the condition of one of the contract's rules.
func (c *Contract) CompileRowRule(r RowRule) (*rowrule.Condition, error) {
	return rowrule.Compile(r.Condition, c.rowRuleColumns())
}

// readRowRule decodes one rule.
func (d *document) readRowRule(c *Contract, n node, kinds map[string]rowrule.Kind) (RowRule, bool) {
	if !n.isMapping() {
		d.report(n, rowRuleForm, "must be a mapping")
		return RowRule{}, false
	}
	known := []string{"name", "description", "condition", "action", "columns"}
	for _, e := range n.entries() {
		if !slices.Contains(known, e.name) {
			d.report(e.value, didYouMean(e.name, known), "unknown key %q of a row rule", e.name)
		}
	}
	for _, key := range []string{"name", "condition", "action"} {
		if !n.get(key).exists() {
			d.reportAt(n, join(n.path, key), rowRuleForm, "%s is missing", key)
		}
	}
	r := RowRule{
		Name: d.stringOf(n.get("name")), Description: d.stringOf(n.get("description")), Condition: d.stringOf(n.get("condition")),
		Action:  RuleAction(d.choiceOf(n.get("action"), string(RuleRow), string(RuleCell), string(RuleWarn))),
		Columns: d.stringsOf(n.get("columns")),
	}
	if r.Name != "" && !identifier.MatchString(r.Name) {
		d.report(n.get("name"), identifierHint, "%q is not a rule name", r.Name)
	}
	if r.Condition == "" {
		return r, false
	}
	compiled, err := rowrule.Compile(r.Condition, kinds)
	var issue *rowrule.Issue
	if errors.As(err, &issue) {
		d.reportCondition(n.get("condition"), issue)
		return r, false
	}
	d.checkRuleColumns(c, &r, n, compiled)
	return r, true
}

// reportCondition reports an error in a condition at its place in the file.
func (d *document) reportCondition(at node, issue *rowrule.Issue) {
	d.report(at, "see https://cel.dev for the language; the columns are variables, and run_date is the time of the run's slot",
		"the condition is wrong at line %d, column %d: %s", issue.Line, issue.Column, firstLine(issue.Message))
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// checkRuleColumns completes and checks the columns that a violation refuses.
func (d *document) checkRuleColumns(c *Contract, r *RowRule, n node, compiled *rowrule.Condition) {
	columns := n.get("columns")
	if r.Action != RuleCell {
		if columns.exists() {
			d.report(columns, "write action: cell, or remove it", "columns has no effect with action %s", r.Action)
		}
		return
	}
	refusable := func(name string) bool {
		f := c.Field(name)
		return f != nil && f.Staged && !f.Personal() && f.Invalid == RefuseCell
	}
	if !columns.exists() {
		for _, name := range compiled.Columns {
			if refusable(name) {
				r.Columns = append(r.Columns, name)
			}
		}
		if len(r.Columns) == 0 {
			d.report(n.get("action"), "write action: row, or name columns", "the condition reads no column whose cells can be refused")
		}
		return
	}
	for i, item := range columns.items() {
		if i < len(r.Columns) && !refusable(r.Columns[i]) {
			d.report(item, "name staged columns that are neither required nor part of the key",
				"the cells of column %q cannot be refused", r.Columns[i])
		}
	}
}

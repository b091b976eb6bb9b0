// Package rowrule compiles and evaluates the conditions of row rules, which are written in the Common Expression Language
// (CEL, https://cel.dev).
//
// A condition sees the columns of one row by their names, and RunDate. A condition about a null value does not apply to the
// row, unless the condition compares a value with null itself.
package rowrule

import (
	"fmt"
	"maps"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// RunDate is the variable with the time of the run's slot, a timestamp.
const RunDate = "run_date"

// Kind is the type of a variable.
type Kind int

// The kinds. Dates are timestamps at midnight UTC; decimals are numbers.
const (
	Text Kind = iota
	Integer
	Number
	Boolean
	Timestamp
)

var celTypes = map[Kind]*cel.Type{
	Text: cel.NullableType(cel.StringType), Integer: cel.NullableType(cel.IntType), Number: cel.NullableType(cel.DoubleType),
	Boolean: cel.NullableType(cel.BoolType), Timestamp: cel.TimestampType,
}

// maxCost bounds the evaluation of one condition, in CEL's units: about ten for each operator.
const maxCost = 10_000

// Issue is an error in a condition, with its position in the text.
type Issue struct {
	Line, Column int // 1-based
	Message      string
}

func (i *Issue) Error() string { return fmt.Sprintf("%d:%d: %s", i.Line, i.Column, i.Message) }

// Condition is a compiled condition. It is safe for concurrent use.
type Condition struct {
	Columns []string // that it reads, sorted

	program cel.Program
	reads   []string // the columns and, if the condition reads it, RunDate
	nulls   bool     // it compares values with null
}

// Compile compiles a condition over columns of the given kinds. An error is an *Issue.
func Compile(text string, columns map[string]Kind) (*Condition, error) {
	options := []cel.EnvOption{cel.Variable(RunDate, cel.TimestampType), cel.ASTValidators(cel.ValidateRegexLiterals())}
	for name, kind := range columns {
		options = append(options, cel.Variable(name, celTypes[kind]))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, &Issue{1, 1, err.Error()}
	}
	checked, issues := env.Compile(text)
	if issues != nil && len(issues.Errors()) > 0 {
		first := issues.Errors()[0]
		return nil, &Issue{first.Location.Line(), max(1, first.Location.Column()+1), first.Message}
	}
	if kind := checked.OutputType(); !kind.IsExactType(cel.BoolType) && !kind.IsExactType(celTypes[Boolean]) {
		return nil, &Issue{1, 1, fmt.Sprintf("the condition is of type %s, want bool", kind)}
	}
	c := &Condition{}
	c.inspect(checked, columns)
	if len(c.Columns) == 0 {
		return nil, &Issue{1, 1, "the condition reads no column"}
	}
	if c.program, err = env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost)); err != nil {
		return nil, &Issue{1, 1, err.Error()}
	}
	return c, nil
}

// inspect finds the columns that the condition reads, and whether it compares values with null.
func (c *Condition) inspect(checked *cel.Ast, columns map[string]Kind) {
	read := map[string]bool{}
	ast.PostOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			if _, ok := columns[e.AsIdent()]; ok || e.AsIdent() == RunDate {
				read[e.AsIdent()] = true
			}
		case ast.CallKind:
			call := e.AsCall()
			if f := call.FunctionName(); f == operators.Equals || f == operators.NotEquals {
				c.nulls = c.nulls || slices.ContainsFunc(call.Args(), isNull)
			}
		}
	}))
	c.reads = slices.Sorted(maps.Keys(read))
	c.Columns = slices.DeleteFunc(slices.Clone(c.reads), func(name string) bool { return name == RunDate })
}

func isNull(e ast.Expr) bool { return e.Kind() == ast.LiteralKind && e.AsLiteral() == types.NullValue }

// Outcome is what a condition means for a row.
type Outcome int

// The outcomes.
const (
	NotApplicable Outcome = iota // a value that the condition needs is null
	Holds
	Violated // it is false or cannot be evaluated, as in a division by zero
)

// Row is the row that a condition is evaluated on.
type Row interface {
	// Value returns the value of a column or of RunDate, nil if it is null: a string, int64, float64, bool or time.Time.
	Value(column string) any
}

// Evaluate evaluates the condition on a row.
func (c *Condition) Evaluate(row Row) Outcome {
	for _, name := range c.reads {
		if (!c.nulls || name == RunDate) && row.Value(name) == nil {
			return NotApplicable
		}
	}
	out, _, err := c.program.Eval(activation{row})
	if err != nil {
		return Violated
	}
	if out == types.True {
		return Holds
	}
	return Violated
}

// activation gives CEL the values of a row.
type activation struct{ row Row }

// ResolveName implements cel.Activation.
func (a activation) ResolveName(name string) (any, bool) {
	v := a.row.Value(name)
	if v == nil {
		return types.NullValue, true
	}
	return v, true
}

// Parent implements cel.Activation.
func (a activation) Parent() cel.Activation { return nil }

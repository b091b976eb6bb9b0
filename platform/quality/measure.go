package quality

import "github.com/llac-project/llac/platform/lake"

// Row is one row of a candidate.
type Row interface {
	// Text returns the column's value as text, and false if it is null.
	Text(column string) (string, bool)
	// Number returns the column's value as a finite number, and false if it is null or not a number.
	Number(column string) (float64, bool)
	// Null reports whether the column's value is null.
	Null(column string) bool
}

// Subject is the candidate that is measured, and what it is compared with.
type Subject struct {
	Key []string // columns
	// Counts of the stager.
	RowsIn, Staged, Duplicates, Quarantined int64
	// Cells counts, by column, the cells of the staged rows that are not what the source sent.
	Cells map[string]lake.Cells
	// Published is the number of rows of the published snapshot; nil if nothing comparable is published.
	Published *int64
	// PublishedCounts are the stager's counts of the published snapshot; nil if nothing with the same key is published.
	PublishedCounts *Counts
	// References are the values of the referenced columns, by referring column.
	References map[string]Reference

	distinct map[string]*Distinct // by column; "" for the key
}

// Counts are counts of the stager.
type Counts struct{ RowsIn, Duplicates int64 }

// Reference contains the values of a column that another column refers to.
type Reference struct {
	Values map[string]bool
	// Note is added to the verdict's result.
	Note string
}

// Measure measures one rule.
type Measure interface {
	// Add takes the next row and reports whether the row is a failing one, which a verdict shows as a sample.
	Add(Row) bool
	// Result returns the measurement, after the last row.
	Result() Result
}

// Result is what a metric measured.
type Result struct {
	Value    float64
	Nothing  bool     // there was nothing to measure, so that the rule passes
	Baseline *float64 // published value that it was compared with
	Note     string
}

// Passes reports whether the result satisfies the rule.
func (r Result) Passes(rule Rule) bool { return r.Nothing || rule.Allows(r.Value) }

// counter counts the failing rows among those that the test counts.
type counter struct {
	unit        string
	test        func(Row) (counts, fails bool)
	failing, of int64
	note        string
}

func (c *counter) Add(r Row) bool {
	counts, fails := c.test(r)
	if !counts {
		return false
	}
	c.of++
	if fails {
		c.failing++
	}
	return fails
}

func (c *counter) Result() Result {
	return Result{Value: share(c.failing, c.of, c.unit), Note: c.note}
}

// rowCounter counts rows and leaves the rest to its result.
type rowCounter struct {
	rows   int64
	result func(rows int64) Result
}

func (c *rowCounter) Add(Row) bool { c.rows++; return false }

func (c *rowCounter) Result() Result { return c.result(c.rows) }

// share returns n rows in the unit: their number, or their percentage of all.
func share(n, all int64, unit string) float64 {
	if unit != "percent" {
		return float64(n)
	}
	if all == 0 {
		return 0
	}
	return 100 * float64(n) / float64(all)
}

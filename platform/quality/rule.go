package quality

import (
	"slices"
	"strings"
)

// Rule bounds one metric on a candidate.
type Rule struct {
	Name    string // unique in the contract
	Metric  string
	Column  string   // of a metric about a column
	Shown   string   // the column that the verdict shows instead; only of a built-in rule
	Min     *float64 // nil: no lower bound
	Max     *float64
	MinOpen bool // Min itself does not pass
	MaxOpen bool
	Unit    string // "rows" or "percent"

	// Which values are valid, for a metric with Validity. All that are set must hold.
	Values  []string
	Pattern string   // RE2; the whole value must match
	Low     *float64 // inclusive
	High    *float64 // inclusive

	Severity  string // "error" stops publication, "warning" is only recorded
	Dimension string // ODCS dimension, e.g. "completeness"
	Side      string // who is responsible when it fails: "source" or "pipeline"
	Text      string // description for a person
	Line      int    // in the contract's file
}

// Allows reports whether the value is within the bounds.
func (r Rule) Allows(v float64) bool {
	tooLow := r.Min != nil && (v < *r.Min || r.MinOpen && v == *r.Min)
	tooHigh := r.Max != nil && (v > *r.Max || r.MaxOpen && v == *r.Max)
	return !tooLow && !tooHigh
}

// MaxRefused is the highest share of refused cells that a column may have without a rule of the contract, in percent.
const MaxRefused = 5.0

// BuiltIn returns the rules that the candidate must satisfy in addition to those of its contract. A rule of the contract about
// refused_cells_percent or duplicate_percent replaces the default limit.
func BuiltIn(s *Subject, ofContract []Rule) []Rule {
	zero, one, refused := 0.0, 1.0, MaxRefused
	rules := []Rule{
		{
			// Invariant 5: rows in = staged + duplicates + quarantined.
			Name: "every_row_accounted_for", Metric: "rows_unaccounted", Unit: "rows", Min: &zero, Max: &zero,
			Severity: "error", Side: "pipeline", Text: "rows read = rows staged + duplicates + rows quarantined",
		},
		{
			Name: "files_hold_what_was_staged", Metric: "rows_missing_in_files", Unit: "rows", Min: &zero, Max: &zero,
			Severity: "error", Side: "pipeline", Text: "the Parquet files contain as many rows as the stager reports",
		},
		{
			Name: "every_refused_cell_accounted_for", Metric: "cells_unaccounted", Column: "refused_cells", Unit: "cells",
			Min: &zero, Max: &zero, Severity: "error", Side: "pipeline",
			Text: "refused cells that the stager reports = refused cells that the rows count",
		},
		{
			Name: "not_empty", Metric: "row_count", Unit: "rows", Min: &one,
			Severity: "error", Side: "source", Text: "an empty snapshot is never published",
		},
	}
	if !slices.ContainsFunc(ofContract, func(r Rule) bool { return r.Metric == "refused_cells_percent" }) {
		rules = append(rules, Rule{
			Name: "few_cells_are_refused", Metric: "refused_cells_percent", Unit: "percent", Max: &refused,
			Severity: "error", Side: "source", Text: "few values of each column are invalid",
		})
	}
	if len(s.Key) > 0 {
		rules = append(rules, Rule{
			Name: "key_is_unique", Metric: "duplicate_count", Shown: strings.Join(s.Key, ","), Unit: "rows", Min: &zero, Max: &zero,
			Severity: "error", Side: "pipeline", Text: "no two staged rows have the same key",
		})
	}
	own := noMoreDuplicates(s)
	if len(s.Key) > 0 && !slices.ContainsFunc(ofContract, func(r Rule) bool { return r.Metric == own.Metric }) {
		rules = append(rules, own) // without a key, no row is a duplicate
	}
	return rules
}

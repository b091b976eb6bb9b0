package engine

// Code is the reason why a row was quarantined. People and the quality gate's rules read codes: a code never changes
// its meaning.
type Code string

// The reason codes.
const (
	MissingRequired Code = "missing_required" // null or absent, but the contract requires it (or it is part of the key or the partition)
	RepeatedName    Code = "repeated_name"    // a name occurs twice in the record, or in an object that is kept as JSON
	BadType         Code = "bad_type"         // an object or array where a single value is expected
	BadText         Code = "bad_text"         // not valid UTF-8
	BadInteger      Code = "bad_integer"
	BadNumber       Code = "bad_number"
	BadDecimal      Code = "bad_decimal"
	BadBoolean      Code = "bad_boolean"
	BadDate         Code = "bad_date"
	BadTimestamp    Code = "bad_timestamp"
	AmbiguousTime   Code = "ambiguous_time" // occurs twice in the column's time zone
	UnmappedCode    Code = "unmapped_code"  // not in the contract's reference codes
	Pattern         Code = "pattern"
	TooShort        Code = "too_short"
	TooLong         Code = "too_long"
	OutOfRange      Code = "out_of_range"
	CheckDigit      Code = "check_digit"
	BadPartition    Code = "bad_partition" // the value is not a valid folder name
	WrongSlice      Code = "wrong_slice"   // the row belongs to another slice than the run's
	KeyConflict     Code = "key_conflict"  // rows with the same key differ
	BadRow          Code = "bad_row"       // the record is not a JSON object
	BadPage         Code = "bad_page"      // the page cannot be read from here to its end
	RowRule         Code = "row_rule:"     // followed by the name of the row rule that the row violates
	Repaired        Code = "repaired"      // the value was replaced by the only reading that satisfies a row rule
)

// rejection is the first reason against a row. Its message states what is expected, never what was found: a value in
// the wrong field may be personal (invariant 8).
type rejection struct {
	field   string // column name; empty for the whole row
	code    Code
	message string
}

package engine

// Code says why a row was quarantined. Codes are read by people and by the gate's rules: they never change meaning.
type Code string

// The reason codes.
const (
	MissingRequired Code = "missing_required" // null or absent, and the contract requires it (or it is key or partition)
	BadType         Code = "bad_type"         // an object or array where a single value is wanted
	BadText         Code = "bad_text"         // not valid UTF-8
	BadInteger      Code = "bad_integer"
	BadNumber       Code = "bad_number"
	BadDecimal      Code = "bad_decimal"
	BadBoolean      Code = "bad_boolean"
	BadDate         Code = "bad_date"
	BadTimestamp    Code = "bad_timestamp"
	UnmappedCode    Code = "unmapped_code" // not in the contract's reference codes
	Pattern         Code = "pattern"
	TooShort        Code = "too_short"
	TooLong         Code = "too_long"
	OutOfRange      Code = "out_of_range"
	CheckDigit      Code = "check_digit"
	BadPartition    Code = "bad_partition" // the value cannot be a folder's name
	WrongSlice      Code = "wrong_slice"   // the row belongs to another slice than the run's
	KeyConflict     Code = "key_conflict"  // rows of one key differ
	BadRow          Code = "bad_row"       // the record is no object
	BadPage         Code = "bad_page"      // the page cannot be read from here to its end
)

// rejection is the first thing wrong with a row. Its message names what is wanted and never what was found: a value
// in the wrong field may be anybody's (invariant 8).
type rejection struct {
	field   string // column name; empty: the row as a whole
	code    Code
	message string
}

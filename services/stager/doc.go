// Package stager makes a candidate snapshot out of a validated landing: every row is cleaned and cast by its contract,
// duplicates are dropped, rows that cannot be staged are quarantined with reason and position, and the rest becomes
// partitioned Parquet that nobody can see until the gate has decided.
//
// What must hold: a try writes under an attempt of its own, so two tries never share a file; the candidate manifest is
// written last, so a candidate with a manifest is whole; a try that fails leaves files that no document names.
package stager

// Package stager makes a candidate snapshot from a validated landing. It cleans every row, converts it to the types of the
// contract, drops duplicates and writes partitioned Parquet. It quarantines rows that cannot be staged, with the reason and
// the position. Readers do not see the candidate before the quality gate publishes it.
//
// What must hold: every attempt writes under its own ID, so two attempts never share a file. The candidate manifest is
// written last, so a candidate with a manifest is complete. A failed attempt leaves files that no document names.
package stager

// Package validator decides whether a landing can be trusted: every page is there and is the bytes that were
// written, every page is well-formed, the rows are as many as the source counted, and their shape is the contract's.
//
// A difference from the contract's shape is drift, classified as a field added, missing or retyped. The contract says
// for each class whether it stops the run; a required field that is missing always does. One bad value in one row is
// no drift: the stager quarantines that row. Nor is a row that cannot be read at all, in a page that can: it counts as a
// row, and is told of beside the drift.
package validator

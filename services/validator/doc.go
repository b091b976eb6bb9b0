// Package validator decides whether a landing is valid. A landing is valid if it contains every page with the bytes that
// the fetcher wrote, every page is well-formed, the number of rows is the source's own count, and the fields match the
// contract.
//
// A difference between the fields and the contract is drift: a field was added, is missing or has another type. The
// contract states for each class whether it rejects the landing; a missing required field always does. One bad value in
// one row is not drift: the stager quarantines that row. A row that cannot be read in a readable page is not drift
// either: it counts as a row, and the event reports it with the drift.
package validator

// Package views lists what is published in a lake as tables: for each, the query that reads it, its source, and whether its
// data are real.
//
// A table is the published snapshot of a dataset (schema staging), a mart of the published build (schema marts), or the
// quarantined rows of a published snapshot (schema quarantine).
//
// What must hold: a table reads exactly the files that its pointer names; a table with missing or changed files keeps its name
// and reports the problem, so that the others can be read; a table of simulated data is marked (invariant 11).
package views

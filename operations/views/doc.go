// Package views opens a lake for reading: every published table with the query that reads it, where it is from, and
// whether it is real.
//
// A table is what a reader sees under one name: the published snapshot of a dataset (schema staging), a mart of the
// published build (schema marts), or the rows that were refused of a published snapshot (schema quarantine).
//
// What must hold: a table reads exactly the files that its pointer names; one whose files are not whole keeps its name and
// says what is wrong, so that the others can be read; a table of simulated data says so (invariant 11).
package views

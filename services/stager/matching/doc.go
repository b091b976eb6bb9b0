// Package matching finds the row of a reference dataset that a name refers to: for example a municipality in the list
// of all municipalities, as the many authors of a register spell it.
//
// What must hold: it never guesses. A name matches only if exactly one row of the reference can be meant. Otherwise
// there is no match, and the method states the reason. The same names and the same reference give the same results on
// every machine: scores are integers. A result is always an id of the reference.
//
// The package depends on neither contracts nor files and has no list of municipalities. Only its articles and
// abbreviations are specific to Catalan.
package matching

// Package matching finds which row of a reference a name means: of a municipality in the list of all of them, say, as
// the many hands of a register write it.
//
// What must hold: it never guesses. A name is found when one row of the reference alone can be meant, and in every other
// case nothing is, and the method says why. The same names and the same reference give the same answers, on every
// machine: scores are whole numbers. An answer is always an id of the reference.
//
// The package knows neither contracts nor files nor municipalities; that names are Catalan shows in its articles alone.
package matching

// Package answer finds the answer to one question in the marts: how the population of each comarca of Catalonia changed within the
// latest known year.
//
// What must hold: a number is given only if every row behind it is a fact, published by a real portal or recorded (invariant
// 11), and if no comarca is missing; the query that is shown is the one that was executed.
package answer

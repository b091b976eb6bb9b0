// Package answer answers one question of everybody's from the marts: how the population of each comarca of Catalonia has
// changed within the latest year that is known.
//
// What must hold: a number is answered only where every row behind it is a fact, published by a real portal or carried as
// recorded (invariant 11), and where no comarca is missing; the query that is told is the one that was asked.
package answer

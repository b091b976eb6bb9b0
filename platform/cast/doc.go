// Package cast reads the texts of portals, and of contracts, as values: numerals, booleans, days and instants.
//
// What must hold: one grammar of numerals serves integers, numbers and decimals; a text has one value or is refused, and
// nothing is rounded or guessed unless the caller asks for it; the stager and the check of contracts use the same functions,
// so that every default that a contract may state is one that the stager reads.
package cast

// Package pages generates the data for timing staging: JSON pages as a Socrata portal sends them, one Shape per kind of
// data. No row describes a real person or thing.
//
// What must hold: a row depends only on the shape and its number, so the same parameters give the same bytes on every
// machine and in any order. The shares of duplicates and invalid rows are those that the Shape declares.
package pages

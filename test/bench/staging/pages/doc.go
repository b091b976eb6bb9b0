// Package pages invents the data that staging is timed on: pages of JSON as a Socrata portal sends them, each kind of them
// a Shape. No row describes anybody or anything.
//
// What must hold: a row depends on the shape and its number alone, so the same parameters give the same bytes on every
// machine and in any order; shares of duplicates and invalid rows are what the Shape promises.
package pages

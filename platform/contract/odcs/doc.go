// Package odcs completes dataset contracts for readers of published files that know the Open Data Contract Standard, and
// nothing of Llac.
//
// A contract describes the columns that are the dataset's own, and where the source is. A complete contract describes every
// column of the files, with its physical type, and where the files are.
//
// What must hold: a complete contract has exactly the columns that its files have, in the files or in their paths.
package odcs

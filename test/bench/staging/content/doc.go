// Package content fingerprints the content of staged files, to compare programs that stage the same pages: every value
// of the contract's own columns, including partitions, in any order of rows and files. Columns that only one program
// adds (lineage) do not count.
//
// What must hold: two outputs with one Fingerprint contain the same rows; types count, so 7 differs from "7". The
// number of bytes is that of the contract's columns, compressed in the files.
package content

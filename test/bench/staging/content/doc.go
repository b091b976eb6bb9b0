// Package content says what a staging holds, so that programs which stage the same pages can be compared: every value of
// the contract's own columns, the partitions' included, in any order of rows and files. Columns that one program adds
// (lineage) do not count.
//
// What must hold: two stagings with one Fingerprint hold the same rows; types count, so 7 is not "7"; the number of bytes
// is that of the contract's columns as they lie compressed in the files.
package content

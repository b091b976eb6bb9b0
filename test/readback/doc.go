// Package readback reads staged files with programs that are not ours: pyarrow, Polars and DuckDB, the ones that a user of
// the lake is likely to have. Each of them has to see the same values, types and nulls that went in, and the statistics in
// a file's footer, by which readers leave parts of it out, have to be those of the values.
package readback

// Package readback reads staged files with programs of other projects: pyarrow, Polars and DuckDB, which users of the
// lake are likely to have. Each of them must read the values, types and nulls that were staged. The statistics in a
// file's footer, by which readers skip parts of it, must match the values.
package readback

// Package duckdb runs SQL in the DuckDB of the managed Python environment, which also holds dbt. Llac itself links no database:
// a binary with cgo could not be built everywhere.
//
// What must hold: the versions are stated once, in requirements.txt; DuckDB is opened in one place, programs/database.py, with
// the time zone UTC, so that a query gives the same bytes on every machine; a statement that fails is reported with DuckDB's
// own message, and no statement after it runs; values are returned without loss, as text where JSON has no exact form.
package duckdb

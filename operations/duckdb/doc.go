// Package duckdb runs SQL in the DuckDB of the managed Python environment, which also holds dbt. Llac itself links no
// database: a binary with cgo would not build everywhere.
//
// What must hold: the versions stand once, in requirements.txt; a statement that fails is told with DuckDB's own message
// and nothing after it runs; values arrive as texts that say exactly what the database holds.
package duckdb

// Package trino builds the marts on Trino, the engine that Amazon Athena is based on, and compares them with DuckDB's.
//
// A Server is a Trino of one node with a Hive catalog over a local folder. As on Athena, tables are Parquet files, the
// snapshots are external tables over the stager's own files, and an incremental mart replaces the partitions it writes to.
// It is version 411, which runs on Java 17 and whose Hive connector is available from Maven. The marts' own runner builds on
// DuckDB, and Trino repeats each step. Both build twice, so that incremental marts grow once. After each build every snapshot,
// published mart and model must have the same columns, types and rows on both. dbt-athena then compiles the project against
// moto, and each statement must be identical to the one that ran on Trino.
//
// What this shows: the SQL of the models has the same meaning on both engines, and Trino reads the stager's Parquet. What it
// does not show: anything about Athena itself: its limits, its own version of Trino, S3, Glue, and the statements in which
// dbt-athena wraps a model. The test checks the beginning of those statements and runs none.
//
// The tests need Java, Maven and Python, and some minutes: make test-trino. The tests of Differences alone are part of
// make test.
package trino

// Package trino builds the marts on Trino, which Amazon Athena is made of, and compares them with DuckDB's.
//
// A Server is a Trino of one node with a Hive catalog over a local folder: as on Athena, tables are Parquet files, the
// snapshots are external tables over the stager's own files, and an insert replaces the partitions it writes to. The same
// dbt project is built on both engines from the same snapshots, twice, so that what grows has grown once; after each
// build every model must have the same columns, types and rows on both. dbt-athena then parses and compiles the project
// against moto, and what it would send must be, word for word, what ran on Trino.
//
// What this proves: the SQL of the models means the same to both engines, and Trino reads the stager's Parquet. What it
// does not prove: anything of Athena itself, which nothing here has met: its limits, its own version of Trino, S3, Glue,
// and the statements that dbt-athena wraps around a model, which no test can run without an account.
//
// It needs Java, Maven and Python, and some minutes: make test-trino. The comparison alone is part of make test.
package trino

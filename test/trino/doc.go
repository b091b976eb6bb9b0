// Package trino builds the marts on Trino, which Amazon Athena is made of, and compares them with DuckDB's.
//
// A Server is a Trino of one node with a Hive catalog over a local folder: as on Athena, tables are Parquet files, the
// snapshots are external tables over the stager's own files, and a mart that grows replaces the partitions it writes to. It
// is version 411, which Java 17 runs and of which the Hive connector comes from Maven alone. The marts' own runner builds on
// DuckDB, and Trino is told to do the same, twice, so that what grows has grown once; after each build every snapshot,
// published mart and model must have the same columns, types and rows on both. dbt-athena then compiles the project
// against moto, and each statement must be, word for word, the one that ran on Trino.
//
// What this proves: the SQL of the models means the same to both engines, and Trino reads the stager's Parquet. What it
// does not prove: anything of Athena itself, which nothing here has met: its limits, its own version of Trino, S3, Glue,
// and the statements that dbt-athena wraps around a model. The first of those is looked at, and none is run.
//
// It needs Java, Maven and Python, and some minutes: make test-trino. The comparison alone is part of make test.
package trino

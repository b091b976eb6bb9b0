"""Opens a database for all programs of this folder."""

import duckdb


def connect(database=":memory:", read_only=False, config=None):
    # DuckDB 2.0.0 loses rows where this optimizer meets an outer join of a common table expression that is read twice.
    # dbt/profiles.yml disables it too.
    return duckdb.connect(
        database, read_only=read_only, config={"disabled_optimizers": "outer_join_simplification", **(config or {})}
    )

"""Opens DuckDB, for every program of the project that uses it. test/borders fails when another place opens it."""

import duckdb

# The settings of every session. dbt/profiles.yml repeats them for a person who runs dbt by hand; a test compares the two.
SETTINGS = {
    # Instants are written, and become days, in UTC: the same query gives the same bytes on every machine.
    "TimeZone": "UTC",
    # DuckDB 2.0.0 loses rows where this optimizer meets an outer join of a common table expression that is read twice.
    "disabled_optimizers": "outer_join_simplification",
}


def connect(database=":memory:", read_only=False, config=None, settings=None):
    """Open a database. config holds what DuckDB reads when it starts; settings are set afterwards, before SETTINGS."""
    connection = duckdb.connect(database, read_only=read_only, config=config or {})
    for name, value in {**(settings or {}), **SETTINGS}.items():
        connection.execute("set " + name + " = '" + str(value).replace("'", "''") + "'")
    return connection

"""Runs one job: the statements in order, then the query. duckdb.go has the members of the job and the report."""

import duckdb

import database
import values


def to_json(value):
    """Return a value that JSON can carry without loss: other types become the database's text for them."""
    if value is None or isinstance(value, (bool, str)) or isinstance(value, int) and abs(value) <= values.EXACT:
        return value
    return values.text(value)


def main(job):
    connection = database.connect(job.get("database") or ":memory:", job.get("read_only", False), job.get("settings"))
    statement = ""
    try:
        for statement in job.get("statements") or []:
            connection.execute(statement)
        report = {"columns": [], "rows": [], "more": False}
        statement = job.get("query")
        if statement:
            result = connection.execute(statement)
            if result.description:
                report["columns"] = [{"name": c[0], "type": str(c[1])} for c in result.description]
                limit = job.get("limit") or 0
                rows = result.fetchmany(limit + 1) if limit else result.fetchall()
                report["more"] = bool(limit) and len(rows) > limit
                report["rows"] = [[to_json(v) for v in row] for row in (rows[:limit] if limit else rows)]
        return report
    except duckdb.Error as error:
        return {"error": {"kind": type(error).__name__, "message": str(error), "statement": statement}}
    finally:
        connection.close()

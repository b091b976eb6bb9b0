"""Runs one job, given as JSON on standard input, and answers as JSON on standard output. See duckdb.go for the members."""
import json
import sys

import duckdb


def text(value):
    """A value as JSON takes it, without loss: what is no text, number or truth becomes DuckDB's own text for it."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int) and abs(value) <= 2**53:
        return value
    return str(value)


def main():
    job = json.load(sys.stdin)
    connection = duckdb.connect(job.get("database") or ":memory:", read_only=job.get("read_only", False), config=job.get("settings") or {})
    at = ""
    try:
        for at in job.get("statements") or []:
            connection.execute(at)
        answer = {"columns": [], "rows": [], "more": False}
        at = job.get("query")
        if at:
            result = connection.execute(at)
            if result.description:
                answer["columns"] = [{"name": c[0], "type": str(c[1])} for c in result.description]
                limit = job.get("limit") or 0
                rows = result.fetchmany(limit + 1) if limit else result.fetchall()
                answer["more"] = bool(limit) and len(rows) > limit
                answer["rows"] = [[text(v) for v in row] for row in (rows[:limit] if limit else rows)]
    except duckdb.Error as error:
        answer = {"error": {"kind": type(error).__name__, "message": str(error), "statement": at}}
    finally:
        connection.close()
    json.dump(answer, sys.stdout, ensure_ascii=False)


main()

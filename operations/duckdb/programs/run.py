"""Runs one job: the statements in order, then the query. See duckdb.go for the members of the job and of the answer."""
import duckdb

import database
import values


def text(value):
    """A value without loss: what is no text, truth or number that JSON keeps becomes the database's text for it."""
    if value is None or isinstance(value, (bool, str)) or isinstance(value, int) and abs(value) <= values.EXACT:
        return value
    return values.text(value)


def main(job):
    connection = database.connect(job.get("database") or ":memory:", job.get("read_only", False), job.get("settings"))
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
        return answer
    except duckdb.Error as error:
        return {"error": {"kind": type(error).__name__, "message": str(error), "statement": at}}
    finally:
        connection.close()

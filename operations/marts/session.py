"""The engine's side of a build: one process that runs SQL and dbt on the work database. A request a line comes on standard
input, an answer a line goes to standard output, with lines of progress before it. See duckdb.go for the members."""
import importlib.metadata
import json
import os
import sys
import threading

answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)  # what a library prints must not get between the answers

import duckdb  # noqa: E402

state = {"manifest": None, "progress": None}
lock = threading.Lock()  # dbt's threads tell of progress at once


def say(line):
    line = json.dumps(line, ensure_ascii=False) + "\n"
    with lock:
        answers.write(line)
        answers.flush()


def text(value):
    """A value as JSON takes it, without loss: what is no text, number or truth becomes DuckDB's own text for it."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int) and abs(value) <= 2**53:
        return value
    return str(value)


def opened(job):
    state.update(job)
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    profile()
    return {package: importlib.metadata.version(package) for package in job["packages"]}


def sql(job):
    answer, at, connection = {"columns": [], "rows": [], "more": False}, "", None
    try:
        connection = duckdb.connect(state["database"], config=state["settings"])
        for name, value in state["sets"].items():
            connection.execute("set " + name + " = '" + str(value).replace("'", "''") + "'")
        for at in job.get("statements") or []:
            connection.execute(at)
        at = job.get("query")
        if at:
            result = connection.execute(at)
            answer["columns"] = [{"name": c[0], "type": str(c[1])} for c in result.description]
            limit = job.get("limit") or 0
            rows = result.fetchmany(limit + 1) if limit else result.fetchall()
            answer["more"] = bool(limit) and len(rows) > limit
            answer["rows"] = [[text(v) for v in row] for row in (rows[:limit] if limit else rows)]
    except duckdb.Error as error:
        raise Refused(type(error).__name__, str(error), at) from error
    finally:
        if connection is not None:
            connection.close()
    return answer


class Refused(Exception):
    def __init__(self, kind, message, statement=""):
        super().__init__(message)
        self.error = {"kind": kind, "message": message, "statement": statement}


def read(name):
    import yaml

    file = os.path.join(state["project"], name)
    if not os.path.exists(file):
        return {}
    with open(file, encoding="utf-8") as f:
        return yaml.safe_load(f) or {}


def profile():
    """Writes the profile of the work database, under the name and with the settings that the project has for DuckDB."""
    import yaml

    name = read("dbt_project.yml").get("profile") or "llac"
    state["sets"] = {}
    for output in (read("profiles.yml").get(name) or {}).get("outputs", {}).values():
        if output.get("type") == "duckdb":
            state["sets"] = output.get("settings") or {}
    target = {
        "type": "duckdb", "path": state["database"], "schema": state["schema"], "threads": state["threads"],
        "config_options": state["settings"], "settings": state["sets"],
    }
    with open(os.path.join(state["folder"], "profiles.yml"), "w", encoding="utf-8") as f:
        yaml.safe_dump({name: {"target": "work", "outputs": {"work": target}}}, f)


def dbt(command, *more):
    from dbt.cli.main import dbtRunner

    folder = state["folder"]
    args = [
        "--log-level", "none", "--log-level-file", "info", "--log-path", folder, "--no-use-colors", "--no-use-colors-file", "--no-partial-parse",
        "--no-version-check", "--no-send-anonymous-usage-stats", *command, "--project-dir", state["project"], "--profiles-dir", folder, "--target", "work",
        "--target-path", os.path.join(folder, "target"), "--vars", json.dumps(state["vars"]), *more,
    ]
    try:
        outcome = dbtRunner(manifest=state["manifest"], callbacks=[heard]).invoke(args)
    finally:
        # The database is ours again: an open connection of dbt's would keep its file.
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        if DuckDBConnectionManager._ENV is not None:
            DuckDBConnectionManager._ENV.close()
        DuckDBConnectionManager.close_all_connections()
    if outcome.exception is not None:
        raise Refused(type(outcome.exception).__name__, str(outcome.exception))
    return outcome.result


def heard(event):
    progress = state["progress"]
    if progress is None or event.info.name not in ("NodeStart", "NodeFinished"):
        return
    node = event.data.node_info
    if event.info.name == "NodeFinished":
        with lock:
            progress["done"] += 1
    say({"progress": {"node": node.node_name, "type": node.resource_type, "started": event.info.name == "NodeStart", "done": progress["done"]}})


def parse(job):
    state["vars"] = job["vars"]
    manifest = state["manifest"] = dbt(["parse"])
    nodes = []
    for node in list(manifest.nodes.values()) + list(manifest.sources.values()) + list(manifest.unit_tests.values()):
        config = getattr(node, "config", None)
        depends = getattr(node, "depends_on", None)
        entry = {
            "id": node.unique_id, "type": str(node.resource_type), "name": node.name, "depends_on": list(getattr(depends, "nodes", None) or []),
            "description": getattr(node, "description", ""), "materialized": getattr(config, "materialized", None) or "",
            "path": node.original_file_path, "meta": getattr(config, "meta", None) or {}, "columns": {}, "checksum": "", "source": getattr(node, "source_name", ""),
            "test": getattr(getattr(node, "test_metadata", None), "name", ""), "column": getattr(node, "column_name", None) or "",
        }
        if entry["type"] == "model":
            entry["checksum"] = node.checksum.checksum
            entry["columns"] = {c.name: c.description for c in node.columns.values()}
        nodes.append(entry)
    return {"nodes": nodes}


def build(job):
    state["progress"] = {"done": 0}
    select = ["--select", " ".join(job["select"]), "--indirect-selection", "cautious"] if job.get("select") else []
    try:
        outcome = dbt(["build"], *select)
    finally:
        state["progress"] = None
    results = []
    for r in outcome.results:
        status = str(getattr(r.status, "value", r.status))
        result = {
            "id": r.node.unique_id, "name": r.node.name, "type": str(r.node.resource_type), "status": status,
            "message": r.message or "", "failures": r.failures or 0, "seconds": r.execution_time, "query": "",
        }
        if result["type"] == "test" and status in ("fail", "warn"):
            result["query"] = r.node.compiled_code or ""
        results.append(result)
    return results


def freshness(job):
    outcome = dbt(["source", "freshness"], "--select", " ".join(job["select"]))
    return [
        {
            "dataset": r.node.name, "status": str(getattr(r.status, "value", r.status)), "age_seconds": getattr(r, "age", 0),
            "message": getattr(r, "message", None) or "",
        }
        for r in outcome.results
    ]


def docs(job):
    dbt(["docs", "generate"], "--static")
    return {"file": os.path.join(state["folder"], "target", "static_index.html")}


def main():
    deeds = {"open": opened, "sql": sql, "parse": parse, "build": build, "freshness": freshness, "docs": docs}
    for line in sys.stdin:
        job = json.loads(line)
        try:
            say({"answer": deeds[job["do"]](job)})
        except Refused as refused:
            say({"error": refused.error})
        except Exception as error:  # noqa: BLE001: whatever it is, the other side is to say it
            say({"error": {"kind": type(error).__name__, "message": str(error), "statement": ""}})


main()

"""The engine's side of a build: one process that runs SQL and dbt on the work database. It reads one request per line from
standard input and writes one result per line to standard output, after lines of progress. duckdb.go has the members. The
argument is the folder of the programs that package duckdb shares."""

import importlib.metadata
import json
import os
import sys
import threading

results = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)  # what a library prints must not come between the results

import duckdb  # noqa: E402

sys.path.insert(0, sys.argv[1])
import database  # noqa: E402

del sys.path[0]  # the other programs have common names, which a package of dbt's might have too

state = {"manifest": None, "progress": None}
lock = threading.Lock()  # dbt reports progress from several threads


def send(line):
    line = json.dumps(line, ensure_ascii=False) + "\n"
    with lock:
        results.write(line)
        results.flush()


def to_json(value):
    """Return a value that JSON can carry without loss: other types become DuckDB's text for them."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int) and abs(value) <= 2**53:
        return value
    return str(value)


class Refused(Exception):
    def __init__(self, kind, message, statement=""):
        super().__init__(message)
        self.error = {"kind": kind, "message": message, "statement": statement}


def open_session(request):
    state.update(request)
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    write_profile()
    return {package: importlib.metadata.version(package) for package in request["packages"]}


def run_sql(request):
    result, statement, connection = {"columns": [], "rows": [], "more": False}, "", None
    try:
        connection = database.connect(state["database"], config=state["settings"], settings=state["sets"])
        for statement in request.get("statements") or []:
            connection.execute(statement)
        statement = request.get("query")
        if statement:
            cursor = connection.execute(statement)
            result["columns"] = [{"name": c[0], "type": str(c[1])} for c in cursor.description]
            limit = request.get("limit") or 0
            rows = cursor.fetchmany(limit + 1) if limit else cursor.fetchall()
            result["more"] = bool(limit) and len(rows) > limit
            result["rows"] = [[to_json(v) for v in row] for row in (rows[:limit] if limit else rows)]
    except duckdb.Error as error:
        raise Refused(type(error).__name__, str(error), statement) from error
    finally:
        if connection is not None:
            connection.close()
    return result


def read_yaml(name):
    import yaml

    file = os.path.join(state["project"], name)
    if not os.path.exists(file):
        return {}
    with open(file, encoding="utf-8") as f:
        return yaml.safe_load(f) or {}


def write_profile():
    """Write the profile of the work database, with the name of the project's own profile. Its DuckDB settings are the
    project's, except for those that every session has."""
    import yaml

    name = read_yaml("dbt_project.yml").get("profile") or "llac"
    state["sets"] = {}
    for output in (read_yaml("profiles.yml").get(name) or {}).get("outputs", {}).values():
        if output.get("type") == "duckdb":
            state["sets"] = output.get("settings") or {}
    target = {
        "type": "duckdb",
        "path": state["database"],
        "schema": state["schema"],
        "threads": state["threads"],
        "config_options": state["settings"],
        "settings": {**state["sets"], **database.SETTINGS},
    }
    with open(os.path.join(state["folder"], "profiles.yml"), "w", encoding="utf-8") as f:
        yaml.safe_dump({name: {"target": "work", "outputs": {"work": target}}}, f)


def dbt(command, *more):
    from dbt.cli.main import dbtRunner

    folder = state["folder"]
    args = [
        "--log-level",
        "none",
        "--log-level-file",
        "info",
        "--log-path",
        folder,
        "--no-use-colors",
        "--no-use-colors-file",
        "--no-partial-parse",
        "--no-version-check",
        "--no-send-anonymous-usage-stats",
        *command,
        "--project-dir",
        state["project"],
        "--profiles-dir",
        folder,
        "--target",
        "work",
        "--target-path",
        os.path.join(folder, "target"),
        "--vars",
        json.dumps(state["vars"]),
        *more,
    ]
    try:
        outcome = dbtRunner(manifest=state["manifest"], callbacks=[report_progress]).invoke(args)
    finally:
        # An open connection of dbt's would keep the database file locked.
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        if DuckDBConnectionManager._ENV is not None:
            DuckDBConnectionManager._ENV.close()
        DuckDBConnectionManager.close_all_connections()
    if outcome.exception is not None:
        raise Refused(type(outcome.exception).__name__, str(outcome.exception))
    return outcome.result


def report_progress(event):
    progress = state["progress"]
    if progress is None or event.info.name not in ("NodeStart", "NodeFinished"):
        return
    node = event.data.node_info
    if event.info.name == "NodeFinished":
        with lock:
            progress["done"] += 1
    started = event.info.name == "NodeStart"
    send(
        {"progress": {"node": node.node_name, "type": node.resource_type, "started": started, "done": progress["done"]}}
    )


def test_columns(node):
    """Return the columns that a generic test is about."""
    arguments = getattr(getattr(node, "test_metadata", None), "kwargs", None) or {}
    columns = arguments.get("columns") or arguments.get("combination_of_columns") or []
    column = getattr(node, "column_name", None)
    if not columns and column:
        columns = [column]
    return [c for c in columns if isinstance(c, str)]


def parse(request):
    state["vars"] = request["vars"]
    manifest = state["manifest"] = dbt(["parse"])
    nodes = []
    for node in list(manifest.nodes.values()) + list(manifest.sources.values()) + list(manifest.unit_tests.values()):
        config = getattr(node, "config", None)
        depends = getattr(node, "depends_on", None)
        entry = {
            "id": node.unique_id,
            "type": str(node.resource_type),
            "name": node.name,
            "depends_on": list(getattr(depends, "nodes", None) or []),
            "description": getattr(node, "description", ""),
            "materialized": getattr(config, "materialized", None) or "",
            "path": node.original_file_path,
            "meta": getattr(config, "meta", None) or {},
            "columns": {},
            "checksum": "",
            "source": getattr(node, "source_name", ""),
            "test": getattr(getattr(node, "test_metadata", None), "name", ""),
            "test_columns": test_columns(node),
            "where": getattr(config, "where", None) or "",
        }
        if entry["type"] == "model":
            entry["checksum"] = node.checksum.checksum
            entry["columns"] = {c.name: c.description for c in node.columns.values()}
        nodes.append(entry)
    return {"nodes": nodes}


def build(request):
    state["progress"] = {"done": 0}
    select = (
        ["--select", " ".join(request["select"]), "--indirect-selection", "cautious"] if request.get("select") else []
    )
    try:
        outcome = dbt(["build"], *select)
    finally:
        state["progress"] = None
    nodes = []
    for r in outcome.results:
        status = str(getattr(r.status, "value", r.status))
        node = {
            "id": r.node.unique_id,
            "name": r.node.name,
            "type": str(r.node.resource_type),
            "status": status,
            "message": r.message or "",
            "failures": r.failures or 0,
            "seconds": r.execution_time,
            "query": "",
        }
        if node["type"] == "test" and status in ("fail", "warn"):
            node["query"] = r.node.compiled_code or ""
        nodes.append(node)
    return nodes


def freshness(request):
    outcome = dbt(["source", "freshness"], "--select", " ".join(request["select"]))
    return [
        {
            "dataset": r.node.name,
            "status": str(getattr(r.status, "value", r.status)),
            "age_seconds": getattr(r, "age", 0),
            "message": getattr(r, "message", None) or "",
        }
        for r in outcome.results
    ]


def docs(request):
    dbt(["docs", "generate"], "--static")
    return {"file": os.path.join(state["folder"], "target", "static_index.html")}


def main():
    operations = {
        "open": open_session,
        "sql": run_sql,
        "parse": parse,
        "build": build,
        "freshness": freshness,
        "docs": docs,
    }
    for line in sys.stdin:
        request = json.loads(line)
        try:
            send({"result": operations[request["do"]](request)})
        except Refused as refused:
            send({"error": refused.error})
        except Exception as error:  # noqa: BLE001: the Go side reports it, whatever it is
            send({"error": {"kind": type(error).__name__, "message": str(error), "statement": ""}})


main()

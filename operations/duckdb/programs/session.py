"""A database in memory with views over the files of a lake. Statements can only read them."""

import concurrent.futures
import difflib
import re

import duckdb

import database

Type = duckdb.StatementType

# Statements that stay in memory: queries, and statements that prepare queries. All others are refused before DuckDB runs them.
QUERIES = {Type.SELECT, Type.EXPLAIN, Type.MULTI, Type.CALL, Type.PRAGMA}
PREPARATIONS = {
    Type.SET,
    Type.VARIABLE_SET,
    Type.TRANSACTION,
    Type.CREATE,
    Type.CREATE_FUNC,
    Type.DROP,
    Type.ALTER,
    Type.INSERT,
    Type.UPDATE,
    Type.DELETE,
    Type.MERGE_INTO,
    Type.ANALYZE,
}


class Refused(Exception):
    """A statement that was not run."""

    def __init__(self, kind, message, statement, hint="", code="refused"):
        super().__init__(message)
        self.error = {"code": code, "kind": kind, "message": message, "statement": statement, "hint": hint}


def tokens(sql):
    """Yield the tokens of a statement: kind (keyword, identifier, string_const, …) and text."""
    raw = sql.encode()
    found = duckdb.tokenize(sql)
    for (at, kind), end in zip(found, [at for at, _ in found[1:]] + [len(raw)]):
        yield kind.name, raw[at:end].decode(errors="replace").strip()


class Session:
    def __init__(self, job):
        self.job = job
        self.worker = concurrent.futures.ThreadPoolExecutor(1)
        self.views = {}  # by schema.name
        self.carried = set()  # simulated views whose rows a statement may have copied into a table of the session
        # A database without files, for finding the names in a statement.
        self.blank = database.connect(
            config={"enable_external_access": False, "python_enable_replacements": False}
        )
        self.connection = database.connect(
            config={
                "temp_directory": job["spill"],
                "python_enable_replacements": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_community_extensions": False,
            },
        )
        for view in job["views"]:
            self.add(view)
        run = self.connection.execute
        run("create schema if not exists marts; create schema if not exists staging")
        run("set search_path = 'marts,staging'")
        # From here on DuckDB opens only the lake's files, and no statement can change that.
        run(f"set allowed_paths = [{', '.join(text(f) for v in job['views'] for f in v['files'])}]")
        run("set enable_external_access = false")
        if not job["interactive"]:
            run("set enable_progress_bar = false")
        run("set lock_configuration = true")

    def add(self, view):
        view["columns"], view["files"] = view["columns"] or [], view["files"] or []
        self.views[f"{view['schema']}.{view['name']}".lower()] = view
        if view.get("broken"):
            return
        try:
            self.connection.execute(f"create schema if not exists {quoted(view['schema'])}")
            self.connection.execute(f"create view {quoted(view['schema'])}.{quoted(view['name'])} as {view['query']}")
        except duckdb.Error as error:
            view["broken"] = first_line(error)

    def parse(self, sql):
        try:
            sql.encode()
            return self.connection.extract_statements(sql)
        except duckdb.Error as error:
            raise self.refusal(error, sql) from None
        except UnicodeEncodeError:
            raise Refused("Text", "the statements are not UTF-8", "", "save them as UTF-8", "usage") from None

    def execute(self, statement):
        """Run a statement. Return its result, or None, and the views that it used."""
        sql = statement.query.strip()
        try:
            kind = statement.type
        except ValueError:  # a type that DuckDB's Python does not know yet
            raise self.denied(sql) from None
        self.guard(kind, sql)
        used = self.used(sql)
        for name in used:
            if self.views[name].get("broken"):
                raise Refused(
                    "Broken",
                    f"{name} cannot be read: {self.views[name]['broken']}",
                    sql,
                    self.views[name].get("repair", ""),
                    "missing",
                )
        if kind not in (Type.SELECT, Type.EXPLAIN):  # Invariant 11
            self.carried |= {n for n in used if self.views[n]["simulated"]}
        result = self.interruptible(sql, self.connection.execute, statement)
        return (result if result.description and kind in QUERIES else None), sorted(used | self.carried)

    def rows(self, result, sql, batch=1_000):
        """Yield the rows of a result, fetched in batches."""
        while rows := self.interruptible(sql, result.fetchmany, batch):
            yield from rows

    def interruptible(self, sql, call, *args):
        """Run a call that may take long in another thread: Ctrl-C reaches only the main thread, and DuckDB does not check for it."""
        doing = self.worker.submit(call, *args)
        try:
            return doing.result()
        except KeyboardInterrupt:
            self.connection.interrupt()
            concurrent.futures.wait([doing])
            raise
        except duckdb.Error as error:
            raise self.refusal(error, sql) from None

    def guard(self, kind, sql):
        if kind not in QUERIES | PREPARATIONS:
            raise self.denied(sql)
        # COPY may be nested in any other statement, and DuckDB would let it overwrite the files that it may read.
        for token, word in tokens(sql):
            if (
                token not in ("string_const", "comment")
                and re.match(r"\W*copy\b", word, re.I)
                and not word.startswith('"')
            ):
                raise self.denied(sql)

    def denied(self, sql):
        words = [w.upper() for kind, w in tokens(sql) if kind == "keyword"]
        word = "COPY" if "COPY" in words else words[0] if words else "this"
        hint = "llac export writes files, and --format csv prints the result of a query"
        if word == "COPY":
            hint += '; a column of that name is written "copy"'
        return Refused("ReadOnly", f"{word} is refused: a query only reads", sql, hint, "read_only")

    def used(self, sql):
        """Return the views of the lake that a statement reads. Where it is not certain, a view counts as read."""
        words = {
            w.strip('"').replace('""', '"').lower() for kind, w in tokens(sql) if kind in ("identifier", "keyword")
        }
        try:
            names = {
                re.sub(r" AS \S+$", "", n).replace('"', "").lower()
                for n in self.blank.get_table_names(sql, qualified=True)
            }
        except (duckdb.Error, RuntimeError, ValueError):
            names = words
        out = set()
        for full, view in self.views.items():
            name = view["name"].lower()
            if any(n == full or n == name and view["schema"] != "quarantine" or n.endswith("." + full) for n in names):
                out.add(full)
            elif names is words and name in words and (view["schema"] != "quarantine" or "quarantine" in words):
                out.add(full)
        if ".parquet" in sql:  # the files themselves
            out |= {n for n, v in self.views.items() if any(f in sql for f in v["files"])} or {
                n for n, v in self.views.items() if v["simulated"]
            }
        return out

    def simulated(self, used):
        return [n for n in used if self.views[n]["simulated"]]

    def refusal(self, error, sql):
        message, hint = str(error).strip(), ""
        missing = re.search(r"Table with name (.+?) does not exist", message)
        if missing:
            # DuckDB suggests tables of its own catalogue.
            message = re.sub(r'\nDid you mean "(pg_|duckdb_|sqlite_|information_schema)[^"]*"\?', "", message)
            hint = self.advice(missing[1].strip('"'))
        return Refused(type(error).__name__, message, sql, hint)

    def advice(self, name):
        name = name.lower().split(".")[-1]
        if name in self.job["unpublished"]:
            return f"{name} was never published: {self.job['run']} {name}"
        if name.startswith(("dim_", "fact_", "agg_")) and not any(v["schema"] == "marts" for v in self.views.values()):
            return f"the marts were never built: {self.job['marts']}"
        near = difflib.get_close_matches(name, [v["name"].lower() for v in self.views.values()], 2)
        if near:
            return "did you mean " + " or ".join(near) + "?"
        return "the tables are " + ", ".join(self.views)


def first_line(error):
    return str(error).strip().split("\n")[0]


def text(s):
    return "'" + s.replace("'", "''") + "'"


def quoted(s):
    return '"' + s.replace('"', '""') + '"'

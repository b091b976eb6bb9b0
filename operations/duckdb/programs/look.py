"""Runs queries on a lake: from a text or a pipe one after the other, or in a shell. look.go has the members of the job."""

import itertools
import json
import os
import re
import shutil
import signal
import sys
import unicodedata

from session import Refused, Session
import values

MAX_CELL = 500  # characters of a cell in a table
MAX_COUNTED = 50_000  # rows beyond the limit that are counted


def main(job):
    report = {"error": None, "results": [], "simulated": [], "used": [], "again": False}
    if not job["interactive"]:
        signal.signal(signal.SIGINT, interrupt)
    try:
        runner = Runner(Session(job), job, report)
        if job["interactive"]:
            report["again"] = Shell(runner).loop()
        elif job["statements"] is None:
            runner.pipe(sys.stdin)
        elif job["statements"].startswith("."):
            runner.command(job["statements"])
        else:
            runner.run(job["statements"])
        sys.stdout.flush()
    except Refused as refused:
        report["error"] = refused.error
    except KeyboardInterrupt:
        report["error"] = {"code": "interrupted", "kind": "", "message": "interrupted", "statement": "", "hint": ""}
    except BrokenPipeError:  # the reader has closed the pipe, as head does
        sys.stdout = open(os.devnull, "w")
    return report


def interrupt(*_):
    """End at the first Ctrl-C. The terminal and llac may both send one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


class Runner:
    """Runs statements and writes their results."""

    def __init__(self, session, job, report):
        self.session, self.job, self.report = session, job, report
        self.format, self.limit = job["format"], job["limit"]
        self.shown = 0

    def run(self, sql):
        for statement in self.session.parse(sql):
            result, used = self.session.execute(statement)
            simulated = self.session.simulated(used)
            self.report["used"] = sorted({*self.report["used"], *used})
            self.report["simulated"] = sorted({*self.report["simulated"], *simulated})
            if result is not None:
                self.show(result, statement.query.strip(), simulated)

    def pipe(self, lines):
        """Run statements from a pipe, each when its semicolon has arrived."""
        pending = ""
        for line in lines:
            if not pending and line.startswith("."):
                self.command(line)
                continue
            pending += line
            if complete(pending):
                self.run(pending)
                sys.stdout.flush()
                pending = ""
        if pending.strip():
            self.run(pending)

    def command(self, line):
        """Run a line that begins with a dot."""
        word, *rest = line.split()
        views = self.session.views
        if word == ".tables":
            rows = [(n, v["rows"], data_of(v), v["title"]) for n, v in views.items()]
            self.write(
                table(
                    [("TABLE", False), ("ROWS", True), ("DATA", False), ("DESCRIPTION", False)],
                    rows,
                    0,
                    self.job["color"],
                )[0]
            )
        elif word == ".schema" and rest:
            wanted = [n for n, v in views.items() if rest[0].lower() in (n, v["name"].lower())]
            if not wanted:
                raise Refused("", f"unknown table {rest[0]}", line, self.session.advice(rest[0]), "missing")
            for n in wanted:
                view = views[n]
                descriptions = {c["name"]: c["description"] for c in view["columns"]}
                described, _ = self.session.execute(self.session.parse(f"describe {quoted(view)}")[0])
                rows = [(c[0], c[1], descriptions.get(c[0], "")) for c in described.fetchall()]
                self.write(f"{n}: {view['title']}\n")
                self.write(
                    table([("COLUMN", False), ("TYPE", False), ("DESCRIPTION", False)], rows, 0, self.job["color"])[0]
                )
        elif word == ".mode" and rest and rest[0] in FORMATS:
            self.format = rest[0]
        elif word == ".limit" and rest and rest[0].isdigit():
            self.limit = int(rest[0])
        elif word == ".help":
            self.write(HELP)
        else:
            raise Refused("", f"unknown command {line.strip()}", line, ".help lists the commands", "usage")

    def write(self, s):
        sys.stdout.write(s)

    def width(self):
        return shutil.get_terminal_size().columns if self.job["interactive"] else self.job["width"]

    def show(self, result, sql, simulated):
        columns = [(c[0], str(c[1]).strip('"')) for c in result.description]
        if self.shown and self.format != "rows":
            self.write("\n")
        self.shown += 1
        limit = self.limit if self.limit >= 0 else LIMITS[self.format]
        rows = self.session.rows(result, sql)
        shown = itertools.islice(rows, limit) if limit else rows
        count, notes = FORMATS[self.format](self, columns, shown)
        more = 0
        if limit and count == limit:
            more = sum(1 for _ in itertools.islice(rows, MAX_COUNTED))
        if self.format == "rows":
            self.report["results"][-1]["more"] = more > 0
            return
        if more:
            of = "more than " if more == MAX_COUNTED else ""
            notes.insert(
                0,
                f"{count:,} of {of}{count + more:,} rows; {self.switch('limit', '0')} shows all, "
                f"{self.switch('format', 'csv')} writes them without waiting",
            )
        elif self.format in ("table", "markdown"):
            notes.insert(0, f"{count:,} row{'' if count == 1 else 's'}")
        if simulated:  # Invariant 11
            notes.append(
                f"simulated: {', '.join(simulated)}; data_origin distinguishes recorded facts from invented values"
            )
        readable = self.format in ("table", "markdown")
        out = sys.stdout if readable else sys.stderr
        if not readable:
            sys.stdout.flush()
        for n in notes:
            out.write(f"({n})\n" if readable else n + "\n")

    def switch(self, name, value):
        if self.job["interactive"]:
            return f".{'mode' if name == 'format' else name} {value}"
        return f"--{name} {value}"

    # The formats. Each writes the rows and returns their number and notes about them.

    def as_table(self, columns, rows):
        rows = list(rows)
        out, notes = table([(name, numeric(kind)) for name, kind in columns], rows, self.width(), self.job["color"])
        self.write(out)
        return len(rows), [f"{n}; {self.switch('format', 'csv')} shows all" for n in notes]

    def as_csv(self, columns, rows):
        self.write(",".join(values.csv_cell(name) for name, _ in columns) + "\n")
        count = 0
        for count, row in enumerate(rows, 1):
            self.write(",".join(map(values.csv_cell, row)) + "\n")
        return count, []

    def as_json(self, columns, rows):
        names, count = values.distinct([name for name, _ in columns]), 0
        self.write("[")
        for count, row in enumerate(rows, 1):
            self.write(",\n " if count > 1 else "\n ")
            self.write(json.dumps(dict(zip(names, map(values.plain, row))), ensure_ascii=False))
        self.write("\n]\n" if count else "]\n")
        return count, []

    def as_markdown(self, columns, rows):
        def line(cells):
            self.write("| " + " | ".join(cells) + " |\n")

        line([markdown_cell(name) for name, _ in columns])
        line(["---:" if numeric(kind) else "---" for _, kind in columns])
        count = 0
        for count, row in enumerate(rows, 1):
            line(["" if v is None else markdown_cell(values.text(v)) for v in row])
        self.write("\n")
        return count, []

    def as_rows(self, columns, rows):
        """Add the rows to the report, for --json."""
        rows = [[values.plain(v) for v in row] for row in rows]
        self.report["results"].append(
            {"columns": [{"name": n, "type": t} for n, t in columns], "rows": rows, "more": False}
        )
        return len(rows), []


FORMATS = {
    "table": Runner.as_table,
    "csv": Runner.as_csv,
    "json": Runner.as_json,
    "markdown": Runner.as_markdown,
    "rows": Runner.as_rows,
}
LIMITS = {"table": 100, "markdown": 100, "rows": 10_000, "csv": 0, "json": 0}

HELP = """A statement ends with a semicolon and may take several lines. Ctrl-C stops a query; Ctrl-D ends the shell.
  .tables          list the tables, with their rows and whether they are simulated
  .schema <table>  list the columns of a table, with their descriptions
  .mode <format>   set the format: table, csv, json or markdown
  .limit <rows>    set the maximum rows of a result; 0 means all
  .reload          reload the lake, to read what was published since
  .quit            end the shell
"""


def quoted(view):
    return ".".join('"' + view[k].replace('"', '""') + '"' for k in ("schema", "name"))


def data_of(view):
    """Return whether a view's rows are simulated, real or generated, or that it cannot be read."""
    if view.get("broken"):
        return "cannot be read"
    if view["simulated"]:
        return "simulated"
    return "real" if view["source"] else "generated"


def numeric(kind):
    return bool(re.match(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)$", kind))


def markdown_cell(s):
    return re.sub(r"\s+", " ", visible(s)).replace("\\n", " ").replace("|", "\\|")


# Control characters, invisible ones and those that change the writing direction would change what a terminal shows.
INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def visible(s):
    if s.isascii() and s.isprintable():
        return s
    return "".join(escaped(c) if unicodedata.category(c) in INVISIBLE else c for c in s)


def escaped(c):
    n = ord(c)
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(c) or (
        f"\\x{n:02x}" if n < 256 else f"\\u{n:04x}" if n < 65536 else f"\\U{n:08x}"
    )


def columns_of(s):
    """Return how many columns of a terminal a text takes."""
    if s.isascii():
        return len(s)
    return sum(
        0 if unicodedata.category(c) in ("Mn", "Me") else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in s
    )


def cut(s, width):
    """Return a text cut to a width; … marks the cut."""
    if columns_of(s) <= width:
        return s
    out, room = "", width - 1
    for c in s:
        room -= columns_of(c)
        if room < 0:
            break
        out += c
    return out + "…"


def cell(value):
    if value is None:
        return "NULL"
    s = values.text(value)
    if isinstance(value, str) and s == "NULL":
        return '"NULL"'  # a text; only null is written without quotes
    return cut(visible(s[: 2 * MAX_CELL]), MAX_CELL)


def table(columns, rows, width, color):
    """Return rows under a header, fitted to a width (0: not fitted), and notes about what was left out.

    columns has a name and whether it is a number: numbers are aligned to the right and never cut."""
    cells = [[cell(v) for v in row] for row in rows]
    names = [visible(name) for name, _ in columns]
    wants = [max([columns_of(n), *(columns_of(row[i]) for row in cells)]) for i, n in enumerate(names)]
    has = list(wants)
    least = [w if right else min(w, 16) for w, (_, right) in zip(wants, columns)]
    kept = len(columns)
    if width:
        while sum(least[:kept]) + 2 * (kept - 1) > width and kept > 1:
            kept -= 1
        has = has[:kept]
        while sum(has) + 2 * (kept - 1) > width:
            widest = max((w, i) for i, w in enumerate(has) if w > least[i] or kept == 1)[1]
            has[widest] -= 1

    def line(row, dim):
        parts = []
        for s, w, (_, right) in zip(row, has, columns):
            short = cut(s, w)
            blank = " " * (w - columns_of(short))
            shown = f"\x1b[2m{short}\x1b[0m" if dim and color and s == "NULL" else short
            parts.append(blank + shown if right else shown + blank)
        return "  ".join(parts).rstrip() + "\n"

    out = line(names, False) + "  ".join("─" * w for w in has) + "\n" + "".join(line(row, True) for row in cells)
    notes = []
    if kept < len(columns):
        rest = names[kept:]
        notes.append(f"{len(rest)} more column{'' if len(rest) == 1 else 's'}: {cut(', '.join(rest), 100)}")
    if has != wants[:kept] or any(c.endswith("…") and len(c) >= MAX_CELL for row in cells for c in row):
        notes.append("… marks truncated text")
    return out, notes


def complete(sql):
    """Report whether the last statement ends with a semicolon, outside of texts, names and comments."""
    import duckdb  # the token of an unclosed text reaches to the end

    raw, found = sql.encode(), duckdb.tokenize(sql)
    found = [(at, kind) for at, kind in found if kind.name != "comment"]
    if not found:
        return False
    at, kind = found[-1]
    return kind.name == "operator" and raw[at : at + 1] == b";"


class Shell:
    """Reads statements from a person at a terminal."""

    def __init__(self, runner):
        self.runner, self.job = runner, runner.job
        self.history()

    def history(self):
        try:
            import readline
        except ImportError:  # a Python without it reads lines all the same
            return
        try:
            readline.read_history_file(self.job["history"])
        except OSError:
            pass
        readline.set_history_length(1_000)
        readline.parse_and_bind("tab: complete")
        views = self.runner.session.views
        commands = [".tables", ".schema", ".mode", ".limit", ".help", ".reload", ".quit"]
        columns = (c["name"] for v in views.values() for c in v["columns"])
        names = sorted({*views, *(v["name"] for v in views.values()), *columns, *commands})

        def completer(word, n):
            fits = [w for w in names if w.startswith(word)]
            return fits[n] if n < len(fits) else None

        readline.set_completer(completer)
        self.readline = readline

    readline = None

    def remember(self):
        if self.readline:
            try:
                self.readline.write_history_file(self.job["history"])
            except OSError:
                pass  # a lake on a read-only disk can still be queried

    def loop(self):
        """Run statements until the end. Return true if the lake is to be reloaded."""
        for line in self.job["banner"]:
            print(line)
        pending = ""
        try:
            while True:
                try:
                    line = input("   ...> " if pending else "llac> ")
                    if not pending and line.strip() in (".quit", ".exit", ".reload"):
                        return line.strip() == ".reload"
                    if not pending and line.startswith("."):
                        self.runner.command(line)
                        continue
                    pending += line + "\n"
                    if not complete(pending):
                        if not pending.strip():
                            pending = ""
                        continue
                    sql, pending = pending, ""
                    self.runner.shown = 0
                    self.runner.run(sql)
                except EOFError:
                    print()
                    return False
                except KeyboardInterrupt:
                    print("\ninterrupted" if not pending else "")
                    pending = ""
                except Refused as refused:
                    pending = ""
                    print(refused.error["message"])
                    if refused.error["hint"]:
                        print("  next: " + refused.error["hint"])
        finally:
            self.remember()

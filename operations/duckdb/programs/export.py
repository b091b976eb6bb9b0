"""Writes one table into one file, with its metadata inside. export.go has the members of the job."""

import datetime
import decimal
import math
import re

import duckdb

import database
import values

# Excel's limits.
SHEET_ROWS = 1_048_576
CELL_LENGTH = 32_767
BATCH_ROWS = 1_000


class Refused(Exception):
    """A file that cannot hold the table."""


def main(job):
    job["about"] = job["about"] or []
    # One thread writes the row groups of a table always in the same order.
    connection = database.connect(
        config={"threads": 1, "temp_directory": job["spill"], "python_enable_replacements": False}
    )
    try:
        return {"error": None, "rows": FORMATS[job["format"]](connection, job)}
    except Refused as error:
        return {
            "error": {
                "code": "usage",
                "kind": "Limit",
                "message": str(error),
                "statement": "",
                "hint": "--format csv and parquet have no such limit",
            },
            "rows": 0,
        }
    except duckdb.Error as error:
        return {
            "error": {
                "code": "refused",
                "kind": type(error).__name__,
                "message": str(error),
                "statement": job["query"],
                "hint": "",
            },
            "rows": 0,
        }
    finally:
        connection.close()


def batches(result):
    while rows := result.fetchmany(BATCH_ROWS):
        yield rows


def write_parquet(connection, job):
    about = ", ".join(f"{text(k)}: {text(v)}" for k, v in job["about"])
    return connection.execute(
        f"copy ({job['query']}) to {text(job['out'])} (format parquet, compression zstd, kv_metadata {{{about}}})"
    ).fetchone()[0]


# Texts that a spreadsheet would read as a formula.
FORMULA = re.compile(r"[=+\-@\t\r]")


def write_csv(connection, job):
    result, count = connection.execute(job["query"]), 0
    # A reader that supports comments would end an unquoted cell at a #.
    quoted = re.compile(values.QUOTED.pattern + "|#")

    def cell(value):
        if job["excel"] and isinstance(value, str) and FORMULA.match(value):
            value = "'" + value
        return values.csv_cell(value, quoted)

    with open(job["out"], "w", encoding="utf-8-sig" if job["excel"] else "utf-8", newline="") as f:
        if job["inside"]:
            for line in [job["warning"]] * bool(job["warning"]) + [f"{k}: {v}" for k, v in job["about"]]:
                f.write("# " + re.sub(r"\s+", " ", line) + "\r\n")
        f.write(",".join(cell(c[0]) for c in result.description) + "\r\n")
        for rows in batches(result):
            count += len(rows)
            f.writelines(",".join(map(cell, row)) + "\r\n" for row in rows)
    return count


def write_xlsx(connection, job):
    import xlsxwriter  # only this format needs it

    result, count = connection.execute(job["query"]), 0
    if job["rows"] >= SHEET_ROWS:
        raise Refused(
            f"{job['rows']:,} rows do not fit into an Excel sheet, whose limit is {SHEET_ROWS:,} with the header"
        )
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "tmpdir": job["spill"],
    }
    book = xlsxwriter.Workbook(job["out"], options)
    about = dict(job["about"])
    book.set_properties(
        {"title": about.get("title", ""), "comments": job["warning"], "created": datetime.datetime(2000, 1, 1)}
    )
    bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
    red = book.add_format({"bold": True, "font_color": "#C00000", "text_wrap": True})
    date, time = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    sheet = book.add_worksheet("data (simulated)" if job["warning"] else "data")
    columns = [c[0] for c in result.description]

    def write(row, column, value):
        if value is None:
            return
        if isinstance(value, bool):
            sheet.write_boolean(row, column, value)
        elif isinstance(value, int) and abs(value) <= values.EXACT or isinstance(value, float) and math.isfinite(value):
            sheet.write_number(row, column, value)
        elif isinstance(value, decimal.Decimal) and len(value.as_tuple().digits) <= 15:
            sheet.write_number(row, column, float(value))
        elif isinstance(value, datetime.datetime) and value.tzinfo is None and value.year >= 1900:
            sheet.write_datetime(row, column, value, time)
        elif isinstance(value, datetime.date) and not isinstance(value, datetime.datetime) and value.year >= 1900:
            sheet.write_datetime(row, column, value, date)
        else:
            s = values.text(value)
            if len(s) > CELL_LENGTH:
                raise Refused(
                    f"row {row}, {columns[column]}: {len(s):,} characters do not fit into an Excel cell, whose limit is {CELL_LENGTH:,}"
                )
            sheet.write_string(row, column, s)

    for i, name in enumerate(columns):
        sheet.write_string(0, i, name, bold)
    sheet.freeze_panes(1, 0)
    for rows in batches(result):
        if count == 0:  # fit the columns to the first rows
            for i, name in enumerate(columns):
                longest = max([len(name)] + [len(values.text(r[i])) for r in rows[:200] if r[i] is not None])
                sheet.set_column(i, i, min(60, longest + 2))
        for row in rows:
            count += 1
            for i, value in enumerate(row):
                write(count, i, value)
    sheet.autofilter(0, 0, count, len(columns) - 1)
    sheet = book.add_worksheet("about")
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 1, 110)
    at = 0
    if job["warning"]:
        sheet.write_string(at, 0, "simulated data", red)
        sheet.write_string(at, 1, job["warning"], red)
        at += 1
    for at, (key, value) in enumerate(job["about"], at):
        sheet.write_string(at, 0, key, bold)
        sheet.write_string(at, 1, value, wrapped)
    book.close()
    return count


def text(s):
    return "'" + s.replace("'", "''") + "'"


FORMATS = {"csv": write_csv, "xlsx": write_xlsx, "parquet": write_parquet}

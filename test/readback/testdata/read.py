"""Read a Parquet file with pyarrow, Polars and DuckDB and print what each of them reads, as JSON.

The arguments are the file and the folder of database.py. Values are formatted exactly: floats as the hexadecimal of their
eight bytes, decimals with all their digits, dates as days and timestamps as microseconds since 1970.
"""

import bisect
import datetime
import decimal
import hashlib
import json
import struct
import sys

import polars
import pyarrow
import pyarrow.parquet

sys.path.insert(0, sys.argv[2])
import database

DUCKDB = database.connect()
SHOWN = 100  # print the values of at most this many rows; of longer columns only the digest
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def render(value):
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case float():
            return struct.pack(">d", value).hex()
        case decimal.Decimal():
            return format(value, "f")
        case datetime.datetime():
            return str((value - EPOCH) // datetime.timedelta(microseconds=1))
        case datetime.date():
            return str((value - EPOCH.date()).days)
    return str(value)


def column(kind, values):
    """Return one column as a reader reads it."""
    cells = [render(v) for v in values]
    digest = hashlib.sha256()
    for cell in cells:
        digest.update(b"\x00" if cell is None else cell.encode() + b"\x01")
    return {
        "type": str(kind),
        "nulls": sum(cell is None for cell in cells),
        "sha256": digest.hexdigest(),
        "cells": cells if len(cells) <= SHOWN else None,
    }


def with_pyarrow(path):
    table = pyarrow.parquet.read_table(path)
    return {f.name: column(f.type, table.column(f.name).to_pylist()) for f in table.schema}


def with_polars(path):
    frame = polars.read_parquet(path)
    return {s.name: column(s.dtype, s.to_list()) for s in frame}


def with_duckdb(path):
    out = {}
    for name, kind, *_ in DUCKDB.execute(f"describe from read_parquet('{path}')").fetchall():
        value = f'"{name}"'
        if kind == "TIMESTAMP WITH TIME ZONE":
            value = f"epoch_us({value})"  # a Python datetime would need a time zone database
        rows = DUCKDB.execute(f"select {value} from read_parquet('{path}')").fetchall()
        out[name] = column(kind, [row[0] for row in rows])
    return out


def footer(path):
    """Return the statistics of each column chunk, by row group."""
    metadata = pyarrow.parquet.ParquetFile(path).metadata
    groups = []
    for g in range(metadata.num_row_groups):
        group = metadata.row_group(g)
        chunks = {}
        for c in range(group.num_columns):
            chunk = group.column(c)
            s = chunk.statistics
            limits = s is not None and s.has_min_max
            chunks[chunk.path_in_schema] = {
                "nulls": s.null_count if s is not None and s.has_null_count else None,
                "min": render(s.min) if limits else None,
                "max": render(s.max) if limits else None,
                "encodings": sorted(chunk.encodings),
            }
        groups.append({"rows": group.num_rows, "columns": chunks})
    return groups


def probes(path):
    """Query a few values of each column: a wrong minimum or maximum hides rows. Return the failed queries."""
    table = pyarrow.parquet.read_table(path)
    lazy = polars.scan_parquet(path)
    asked, wrong = 0, []
    for field in table.schema:
        values = [v for v in table.column(field.name).to_pylist() if v is not None]
        if not values or isinstance(values[0], bool):
            continue
        ordered = sorted(values)
        for value in {ordered[0], ordered[len(ordered) // 2], ordered[-1], values[0], values[-1]}:
            below, upto = bisect.bisect_left(ordered, value), bisect.bisect_right(ordered, value)
            for word, want in (("=", upto - below), (">=", len(ordered) - below), ("<", below)):
                sql = f'select count(*) from read_parquet(?) where "{field.name}" {word} ?'
                if isinstance(value, decimal.Decimal):
                    sql = sql[:-1] + f"cast('{value:f}' as {duckdb_decimal(field.type)})"
                elif isinstance(value, datetime.datetime):
                    sql = sql[:-1] + f"make_timestamptz({render(value)})"
                got = {"duckdb": DUCKDB.execute(sql, [path, value] if sql.endswith("?") else [path]).fetchone()[0]}
                literal = polars.lit(value, dtype=lazy.collect_schema()[field.name])
                operand = polars.col(field.name)
                condition = {"=": operand == literal, ">=": operand >= literal, "<": operand < literal}[word]
                got["polars"] = lazy.filter(condition).select(polars.len()).collect().item()
                for reader, n in got.items():
                    asked += 1
                    if n != want:
                        wrong.append(f"{reader}: {field.name} {word} {render(value)!s:.60}: {n} rows, want {want}")
    return {"asked": asked, "wrong": wrong}


def duckdb_decimal(kind):
    return f"decimal({kind.precision},{kind.scale})"


def main():
    path = sys.argv[1]
    json.dump(
        {
            "readers": {"pyarrow": with_pyarrow(path), "polars": with_polars(path), "duckdb": with_duckdb(path)},
            "groups": footer(path),
            "probes": probes(path),
        },
        sys.stdout,
    )


main()

"""Writes a value of DuckDB as text, as JSON, or as a CSV cell."""

import datetime
import decimal
import json
import math
import re

# Larger integers are not exact in the usual JSON readers.
EXACT = 2**53


def text(value):
    """Return DuckDB's text for a value that is not null."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        rest = value - datetime.timedelta(value.days)
        return f"{value.days} days {rest}" if value.days else str(rest)
    if isinstance(value, (bytes, bytearray)):
        return "".join(chr(b) if 32 <= b < 127 and b != 92 else f"\\x{b:02X}" for b in value)
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(plain(value), ensure_ascii=False)
    return str(value)


def plain(value):
    """Return a value for JSON: a number that a double cannot hold, and a type that JSON lacks, become text."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) <= EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, decimal.Decimal):
        return float(value) if len(value.as_tuple().digits) <= 15 else text(value)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {text(k): plain(v) for k, v in value.items()}
    return text(value)


QUOTED = re.compile(r'[",\r\n]|^\s|\s$|^#')


def csv_cell(value, quoted=QUOTED):
    """Return a cell as RFC 4180 writes it. Null is empty, and the empty text is \"\"."""
    if value is None:
        return ""
    if value.__class__ is int:
        return str(value)
    cell = text(value)
    if cell.isalnum():  # most cells are, and this is faster than a search
        return cell
    if cell == "" or quoted.search(cell):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def distinct(names):
    """Return the names of columns made distinct, as members of an object must be."""
    out = []
    for name in names:
        one, n = name, 2
        while one in out:
            one, n = f"{name}_{n}", n + 1
        out.append(one)
    return out

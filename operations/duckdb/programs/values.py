"""What a value of DuckDB's is called outside: as text, as JSON, in a CSV file."""
import datetime
import decimal
import json
import math
import re

# Beyond this a number changes on its way through JSON's usual readers.
EXACT = 2**53


def text(value):
    """A value, not null, in DuckDB's words."""
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
    """A value as JSON has it. A number that a double cannot hold becomes its text, and so does what JSON has no type for."""
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
    """A cell as RFC 4180 writes it. Null is nothing, and a text of no characters is \"\"."""
    if value is None:
        return ""
    if value.__class__ is int:
        return str(value)
    cell = text(value)
    if cell.isalnum():  # most are, and this is quicker than to search
        return cell
    if cell == "" or quoted.search(cell):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def distinct(names):
    """Names of columns made distinct, as the members of an object must be."""
    out = []
    for name in names:
        one, n = name, 2
        while one in out:
            one, n = f"{name}_{n}", n + 1
        out.append(one)
    return out

"""Stage a folder of pages with pandas: python with_pandas.py <data set> <pages> <out> [default].

Tuned: Arrow's JSON reader parses several pages at once, with the schema given and the other fields left out. Columns stay
Arrow columns and are cleaned several at once. pyarrow writes several files at once.
Default: read_json per page, the methods of str, to_parquet.
"""

import io
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
import pyarrow.parquet as pq

NULLS = ["", "null", "-"]


def value(s):
    s = s.str.strip()
    return s.mask(s.isin(NULLS))


def text(s):
    s = s.str.strip().str.replace("  +", " ", regex=True)
    return s.mask(s.isin(NULLS))


class Register:
    key = "social_service_register_id"
    partition = "comarca_id"
    columns = {  # column: cleaning function, source field
        "social_service_register_id": (value, "registre"),
        "service_type_name": (text, "tipologia"),
        "service_qualification_name": (text, "qualificacio"),
        "inscription_date": (value, "inscripcio"),
        "capacity": (value, "capacitat"),
        "municipality_name": (text, "municipi"),
        "comarca_name": (text, "comarca"),
        "comarca_id": (lambda s: value(s).str.zfill(2), "codi_comarca"),
        "district_id": (lambda s: value(s).str.zfill(2), "districte"),
        "postal_code": (lambda s: value(s).str.zfill(5), "cp"),
    }

    def __init__(self, name, more={}):
        self.name = name
        self.columns = self.columns | {column: (text, field) for column, field in more.items()}

    def judge(self, df, date, whole):
        """Cast in place and return the reasons."""
        reason = pd.Series(None, index=df.index, dtype=df["comarca_id"].dtype)

        def check(bad, why):
            reason[bad.fillna(False).astype(bool) & reason.isna()] = why

        check(df["social_service_register_id"].isna(), "missing_required")
        for column, cast, why in (("inscription_date", date, "bad_date"), ("capacity", whole, "bad_integer")):
            given = df[column].notna()
            df[column] = cast(df[column])
            check(given & df[column].isna(), why)
        check(df["capacity"] < 0, "out_of_range")
        check(df["comarca_id"].isna(), "missing_required")
        for column, width in (("comarca_id", 2), ("district_id", 2), ("postal_code", 5)):
            check(df[column].notna() & ~df[column].str.fullmatch("[0-9]{%d}" % width).astype("boolean").fillna(True), "pattern")
        return reason


MORE = {
    "service_name": "nom",
    "street_address": "adreca",
    "telephone_number": "telefon",
    "owner_name": "entitat_titular",
    "owner_tax_number": "nif",
}

SETS = {"register": Register("register"), "open_register": Register("open_register", MORE)}


def finish(df, reason, heights, files, job, out, write):
    bad = reason[reason.notna()]
    starts = pd.Series(heights).cumsum().shift(fill_value=0)
    at = starts.searchsorted(bad.index, side="right") - 1
    os.makedirs(os.path.join(out, "quarantine", job.name))
    rows = {"source_page": at, "source_row": bad.index - starts.iloc[at].to_numpy(), "code": bad.to_numpy()}
    pd.DataFrame(rows).to_parquet(
        os.path.join(out, "quarantine", job.name, "rows.parquet"), compression="zstd", compression_level=1, index=False
    )
    good = df[reason.isna()]
    latest = good.drop_duplicates(job.key, keep="last")
    write(latest)
    return {
        "rows_in": len(df), "staged": len(latest), "duplicates": len(good) - len(latest), "quarantined": len(bad),
        "by_reason": {k: int(v) for k, v in bad.value_counts().items()},
    }


def tuned(job, pages, out):
    files = sorted(os.listdir(pages))
    schema = pa.schema([(field, pa.string()) for _, field in job.columns.values()])

    def read(name):
        with open(os.path.join(pages, name), "rb") as f:
            lines = f.read()[1:-2].replace(b"\n,{", b"\n{")  # the reader supports only JSON lines
        return pyarrow.json.read_json(
            io.BytesIO(lines),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(lines) + 1),
            parse_options=pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )

    def date(s):
        days = pc.strptime(pa.chunked_array(s.array._pa_array), format="%Y-%m-%d", unit="s", error_is_null=True).cast(pa.date32())
        # strptime reads 31 February as 3 March
        same = pc.equal(pc.strftime(days, format="%Y-%m-%d"), s.array._pa_array)
        return pd.Series(pd.arrays.ArrowExtensionArray(pc.if_else(same, days, None)), index=s.index)

    def whole(s):
        return pd.to_numeric(s.where(s.str.fullmatch("[+-]?[0-9]+")), dtype_backend="pyarrow")

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        tables = list(threads.map(read, files))
        heights = [t.num_rows for t in tables]
        raw = pa.concat_tables(tables).to_pandas(types_mapper=pd.ArrowDtype)
        del tables
        df = pd.DataFrame(dict(zip(job.columns, threads.map(lambda c: c[0](raw[c[1]]), job.columns.values()))))
        del raw
        reason = job.judge(df, date, whole)

        def write(latest):
            def one(part):
                name, rows = part
                folder = os.path.join(out, "staging", job.name, f"{job.partition}={name}")
                os.makedirs(folder)
                table = pa.Table.from_pandas(rows.drop(columns=job.partition), preserve_index=False)
                pq.write_table(table, os.path.join(folder, "rows.parquet"), compression="zstd", compression_level=1)

            list(threads.map(one, sorted(latest.groupby(job.partition), key=lambda part: -len(part[1]))))

        return finish(df, reason, heights, files, job, out, write)


def default(job, pages, out):
    files = sorted(os.listdir(pages))
    frames = [pd.read_json(os.path.join(pages, f), dtype=False) for f in files]
    heights = [len(f) for f in frames]
    raw = pd.concat(frames, ignore_index=True)
    df = pd.DataFrame({column: clean(raw[field]) for column, (clean, field) in job.columns.items()})

    def date(s):
        return pd.to_datetime(s, format="%Y-%m-%d", errors="coerce").dt.date

    def whole(s):
        return pd.to_numeric(s.where(s.str.fullmatch("[+-]?[0-9]+").fillna(False).astype(bool)), errors="coerce").astype("Int64")

    def write(latest):
        latest.to_parquet(
            os.path.join(out, "staging", job.name), partition_cols=[job.partition],
            compression="zstd", compression_level=1, index=False, max_partitions=2000,
        )

    return finish(df, job.judge(df, date, whole), heights, files, job, out, write)


if __name__ == "__main__":
    name, pages, out = sys.argv[1:4]
    print(json.dumps((default if sys.argv[4:] == ["default"] else tuned)(SETS[name], pages, out)))

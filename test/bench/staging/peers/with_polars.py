"""Stage a folder of pages with Polars, tuned: python with_polars.py <data set> <pages> <out>.

Polars's own JSON reader parses pages, one per thread, with the schema given and the unstaged fields left out. Cleaning is
one lazy query on the streaming engine. is_last_distinct finds the last row of a key (several times faster here than
unique), and the partitioned sink writes all files in one pass.
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import polars as pl

NULLS = ["", "null", "-"]


def value(field):
    """Strip outer white space; null where the text means null."""
    c = pl.col(field).str.strip_chars()
    return pl.when(c.is_in(NULLS)).then(None).otherwise(c)


def text(field):
    """value, with inner runs of spaces squeezed."""
    c = pl.col(field).str.strip_chars().str.replace_all("  +", " ")
    return pl.when(c.is_in(NULLS)).then(None).otherwise(c)


def whole(column):
    return pl.col(column).str.to_integer(strict=False)


def date(column):
    return pl.col(column).str.to_date("%Y-%m-%d", strict=False)


def moment(column):
    return pl.col(column).str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False).dt.replace_time_zone("UTC")


def unread(column):
    """Rows with a text that the cast to column could not parse."""
    return pl.col(column).is_null() & pl.col(column + "_text").is_not_null()


def first_of(*checks):
    """Return the reason of the first check that is true, or null."""
    out = pl.when(False).then(None)
    for reason, holds in checks:
        out = out.when(holds).then(pl.lit(reason))
    return out.otherwise(None)


REASONS = (
    ("missing_required", pl.col("social_service_register_id").is_null()),
    ("bad_date", unread("inscription_date")),
    ("bad_integer", unread("capacity")),
    ("out_of_range", pl.col("capacity") < 0),
    ("missing_required", pl.col("comarca_id").is_null()),
    ("pattern", ~pl.col("comarca_id").str.contains("^[0-9]{2}$")),
    ("pattern", ~pl.col("district_id").str.contains("^[0-9]{2}$")),
    ("pattern", ~pl.col("postal_code").str.contains("^[0-9]{5}$")),
)


class Register:
    key = "social_service_register_id"
    partition = "comarca_id"
    texts = {
        "service_type_name": "tipologia",
        "service_qualification_name": "qualificacio",
        "municipality_name": "municipi",
        "comarca_name": "comarca",
    }

    def __init__(self, more={}):
        self.texts = self.texts | more
        self.columns = [self.key, *self.texts, "inscription_date", "capacity", "comarca_id", "district_id", "postal_code"]
        fields = ["registre", *self.texts.values(), "inscripcio", "capacitat", "codi_comarca", "districte", "cp"]
        self.schema = dict.fromkeys(fields, pl.String)

    def clean(self, rows):
        return rows.select(
            "n",
            social_service_register_id=value("registre"),
            inscription_date_text=value("inscripcio"),
            capacity_text=value("capacitat"),
            comarca_id=value("codi_comarca").str.zfill(2),
            district_id=value("districte").str.zfill(2),
            postal_code=value("cp").str.zfill(5),
            **{column: text(field) for column, field in self.texts.items()},
        ).with_columns(
            inscription_date=date("inscription_date_text"),
            capacity=whole("capacity_text"),
        ).with_columns(reason=first_of(*REASONS))


MORE = {
    "service_name": "nom",
    "street_address": "adreca",
    "telephone_number": "telefon",
    "owner_name": "entitat_titular",
    "owner_tax_number": "nif",
}


class Distinct:
    key = "record_id"
    partition = None
    texts = ["text_%d" % i for i in range(1, 7)]
    columns = ["record_id", *texts, "amount", "first_date", "postal_code"]
    schema = dict.fromkeys(columns, pl.String)

    def clean(rows):
        return rows.select(
            "n",
            value("record_id").alias("record_id"),
            *(text(t).alias(t) for t in Distinct.texts),
            amount_text=value("amount"),
            first_date_text=value("first_date"),
            postal_code=value("postal_code").str.zfill(5),
        ).with_columns(
            amount=whole("amount_text"),
            first_date=date("first_date_text"),
        ).with_columns(
            reason=first_of(
                ("missing_required", pl.col("record_id").is_null()),
                ("bad_integer", unread("amount")),
                ("bad_date", unread("first_date")),
                ("pattern", ~pl.col("postal_code").str.contains("^[0-9]{5}$")),
            )
        )


class Wide:
    key = "record_id"
    partition = "group_id"
    texts = ["text_%02d" % i for i in range(1, 61)]
    numbers = ["whole_%02d" % i for i in range(1, 51, 2)]
    numerals = ["whole_%02d" % i for i in range(2, 51, 2)]
    reals = ["real_%02d" % i for i in range(1, 41)]
    dates = ["some_date_%02d" % i for i in range(1, 21)]
    moments = ["seen_at_%02d" % i for i in range(1, 9)]
    flags = ["is_so_%02d" % i for i in range(1, 15)]
    objects = ["nested_%02d" % i for i in range(1, 7, 2)]
    arrays = ["nested_%02d" % i for i in range(2, 7, 2)]
    columns = ["record_id", "group_id", *texts, *sorted(numbers + numerals), *reals, *dates, *moments, *flags, *sorted(objects + arrays)]
    schema = {
        **dict.fromkeys(["record_id", "group_id", *texts, *numerals, *dates, *moments], pl.String),
        **dict.fromkeys(numbers, pl.Int64),
        **dict.fromkeys(reals, pl.Float64),
        **dict.fromkeys(flags, pl.Boolean),
        **dict.fromkeys(
            objects,
            pl.Struct({"lat": pl.Float64, "lon": pl.Float64, "place": pl.Struct({"name": pl.String, "tags": pl.List(pl.String)})}),
        ),
        **dict.fromkeys(arrays, pl.List(pl.Struct({"k": pl.Int64, "v": pl.Int64}))),
    }

    def clean(rows):
        w = Wide
        return rows.select(
            "n",
            value("record_id").alias("record_id"),
            value("group_id").alias("group_id"),
            *(text(t).alias(t) for t in w.texts),
            *(value(t).alias(t + "_text") for t in [*w.numerals, *w.dates, *w.moments]),
            *w.numbers, *w.reals, *w.flags,
            *(pl.col(o).struct.json_encode() for o in w.objects),
            # {"a":[…]} without what surrounds the array
            *(pl.struct(pl.col(a).alias("a")).struct.json_encode().str.slice(5).str.head(-1).alias(a) for a in w.arrays),
        ).with_columns(
            *(whole(t + "_text").alias(t) for t in w.numerals),
            *(date(t + "_text").alias(t) for t in w.dates),
            *(moment(t + "_text").alias(t) for t in w.moments),
        ).with_columns(
            reason=first_of(
                ("missing_required", pl.col("record_id").is_null() | pl.col("group_id").is_null()),
                ("bad_integer", pl.any_horizontal(unread(t) for t in w.numerals)),
                ("bad_date", pl.any_horizontal(unread(t) for t in w.dates)),
                ("bad_timestamp", pl.any_horizontal(unread(t) for t in w.moments)),
            )
        )


SETS = {"register": Register(), "open_register": Register(MORE), "distinct": Distinct, "wide": Wide}


def stage(name, pages, out):
    job = SETS[name]
    files = sorted(os.listdir(pages))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        frames = list(threads.map(lambda f: pl.read_json(os.path.join(pages, f), schema=job.schema), files))
    heights = [f.height for f in frames]
    rows = pl.concat(frames, rechunk=False)
    del frames
    rows = job.clean(rows.lazy().with_row_index("n")).collect(engine="streaming")

    good = rows.filter(pl.col("reason").is_null()).select(job.columns)
    latest = good.filter(pl.col(job.key).is_last_distinct())
    target = os.path.join(out, "staging", name)
    if job.partition:
        target = pl.PartitionBy(target, key=job.partition, include_key=False, approximate_bytes_per_file=None)
    else:
        target = os.path.join(target, "rows.parquet")
    latest.lazy().sink_parquet(
        target, compression="zstd", compression_level=1, statistics=True, mkdir=True, maintain_order=False, engine="streaming"
    )

    # Page and row index of the quarantined rows.
    first = pl.Series(heights).cum_sum() - pl.Series(heights)
    types = {"first": pl.UInt32, "source_page": pl.Int64}
    starts = pl.DataFrame({"first": first, "source_page": range(len(files))}, schema_overrides=types)
    bad = rows.filter(pl.col("reason").is_not_null()).select("n", "reason").sort("n").join_asof(starts, left_on="n", right_on="first")
    bad.select("source_page", source_row=(pl.col("n") - pl.col("first")).cast(pl.Int64), code="reason").write_parquet(
        os.path.join(out, "quarantine", name, "rows.parquet"), compression="zstd", compression_level=1, mkdir=True
    )
    return {
        "rows_in": rows.height, "staged": latest.height, "duplicates": good.height - latest.height, "quarantined": bad.height,
        "by_reason": dict(bad.group_by("reason").len().iter_rows()),
    }


if __name__ == "__main__":
    print(json.dumps(stage(*sys.argv[1:])))

"""Stage a folder of pages with DuckDB, tuned: python with_duckdb.py <data set> <pages> <out>.

Pages are read in parallel with the given columns. They are cleaned into a table once, whose row ids are the order of the
rows (a row_number() would make reading single-threaded). One aggregate finds the latest row of each repeated key (faster
here than a window or arg_max), and one COPY writes all partitions.
"""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "programs"))
import database

MACROS = """
create macro value(t) as case when trim(t) in ('', 'null', '-') then null else trim(t) end;
create macro text(t) as value(case when contains(t, '  ') then regexp_replace(t, '  +', ' ', 'g') else t end);
create macro pad(t, width) as case when length(t) < width and regexp_full_match(t, '[0-9]+') then lpad(t, width, '0') else t end;
create macro whole(t) as case when regexp_full_match(t, '[+-]?[0-9]+') then try_cast(t as bigint) end;
"""


class Register:
    key = "social_service_register_id"
    partition = "comarca_id"
    texts = {
        "service_type_name": "tipologia",
        "service_qualification_name": "qualificacio",
        "municipality_name": "municipi",
        "comarca_name": "comarca",
    }
    casts = "try_cast(inscription_date_text as date) inscription_date, whole(capacity_text) capacity"
    cast = "inscription_date_text, capacity_text"
    reason = """case
        when social_service_register_id is null then 'missing_required'
        when inscription_date_text is not null and inscription_date is null then 'bad_date'
        when capacity_text is not null and capacity is null then 'bad_integer'
        when capacity < 0 then 'out_of_range'
        when comarca_id is null then 'missing_required'
        when not regexp_full_match(comarca_id, '[0-9]{2}') then 'pattern'
        when not regexp_full_match(district_id, '[0-9]{2}') then 'pattern'
        when not regexp_full_match(postal_code, '[0-9]{5}') then 'pattern'
        end"""

    def __init__(self, more={}):
        self.texts = self.texts | more
        self.fields = ["registre", *self.texts.values(), "inscripcio", "capacitat", "codi_comarca", "districte", "cp"]
        self.columns = [self.key, *self.texts, "inscription_date", "capacity", "comarca_id", "district_id", "postal_code"]
        self.values = ", ".join(f"text({field}) {column}" for column, field in self.texts.items()) + """,
            value(registre) social_service_register_id, value(inscripcio) inscription_date_text, value(capacitat) capacity_text,
            pad(value(codi_comarca), 2) comarca_id, pad(value(districte), 2) district_id, pad(value(cp), 5) postal_code"""


MORE = {
    "service_name": "nom",
    "street_address": "adreca",
    "telephone_number": "telefon",
    "owner_name": "entitat_titular",
    "owner_tax_number": "nif",
}

SETS = {"register": Register(), "open_register": Register(MORE)}


def stage(name, pages, out):
    job = SETS[name]
    quarantine = f"{out}/quarantine/{name}"
    os.makedirs(f"{out}/staging")
    os.makedirs(quarantine)
    con = database.connect()
    con.execute("set disabled_optimizers = ''")  # DuckDB as its users have it
    con.execute("set threads = %d" % os.cpu_count())
    con.execute(MACROS)
    fields = ", ".join(f"{f}: 'VARCHAR'" for f in job.fields)
    con.execute(f"""
        create temp table rows as
        select * exclude ({job.cast}), {job.reason} reason
        from (select *, {job.casts}
              from (select file_index page, {job.values}
                    from read_json('{pages}/*.json', format = 'array', columns = {{{fields}}})))""")
    con.execute(f"""
        create temp table latest as
        select {job.key} k, max(rowid) last from rows where reason is null group by 1 having count(*) > 1""")
    columns = ", ".join(job.columns)
    [(staged,)] = con.execute(f"""
        copy (select {columns} from rows left join latest on k = {job.key} where reason is null and (last is null or rows.rowid = last))
        to '{out}/staging/{name}' (format parquet, partition_by ({job.partition}), compression zstd, compression_level 1)""").fetchall()
    con.execute(f"""
        copy (select page::bigint source_page, rows.rowid - first source_row, reason code
              from rows join (select page, min(rowid) first from rows group by 1) using (page) where reason is not null)
        to '{quarantine}/rows.parquet' (format parquet, compression zstd, compression_level 1)""")
    reasons = dict(con.execute("select reason, count(*) from rows where reason is not null group by 1").fetchall())
    [(rows,)] = con.execute("select count(*) from rows").fetchall()
    quarantined = sum(reasons.values())
    return {
        "rows_in": rows, "staged": staged, "duplicates": rows - staged - quarantined, "quarantined": quarantined, "by_reason": reasons,
    }


if __name__ == "__main__":
    print(json.dumps(stage(*sys.argv[1:])))

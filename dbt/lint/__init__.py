"""What sqlfluff's jinja templater needs of dbt, so that `sqlfluff lint` asks no database and starts no dbt.

The lint reads SQL as Trino would be given it: `adapter.dispatch` writes the macro's name as a function.
"""

from datetime import datetime

# What --vars would pass, where a model's text depends on its shape.
_VARS = {
    "calendar_start_date": "2000-01-01",
    "history_start_date": "1900-01-01",
    "expected_municipalities": 947,
    "expected_comarques": 43,
    "snapshots": {"social_services": "20260706T063000"},
    "accumulated": {"fact_service_usage_daily": {"new": ["20260705T063000", "20260706T063000"]}},
    "published_models": ["dim_municipalities"],
    "build_date": "2026-07-06",
}


def var(name, default=None):
    return _VARS.get(name, default)


class _Target:
    type = name = "athena"  # the target with the most branches
    database = "marts"
    schema = "work"


class _Flags:
    FULL_REFRESH = False


class _Relation:
    @staticmethod
    def create(database=None, schema=None, identifier=None):
        return f"{schema}.{identifier}"


class _Api:
    Relation = _Relation


class _Adapter:
    @staticmethod
    def dispatch(name, package=None):
        def call(*arguments):
            if name == "replace_all":  # its pattern and replacement are no SQL yet
                arguments = (arguments[0], *(f"'{a}'" for a in arguments[1:]))
            return f"{name}({', '.join(str(a) for a in arguments)})"

        return call


target = _Target()
flags = _Flags()
api = _Api()
adapter = _Adapter()
execute = True
run_started_at = datetime(2026, 7, 6)


def load_relation(relation):
    return relation

{#-
  A mart that grows by days. DuckDB deletes the days that come again and inserts. Athena keeps plain Parquet tables, where
  rows cannot be deleted: it writes the touched months again. The Trino of the tests has tables that only grow: there the
  whole table is written again from its old rows and the new ones.
-#}
{% macro daily_config() -%}
{%- if target.type == 'duckdb' -%}
{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='service_date', on_schema_change='fail') }}
{%- elif target.type == 'athena' -%}
{{ config(materialized='incremental', incremental_strategy='insert_overwrite', partitioned_by=['service_month'], format='parquet', on_schema_change='fail') }}
{%- else -%}
{{ config(materialized='table') }}
{%- endif -%}
{%- endmacro %}

{#- Whether the table's old rows stay and are added to. -#}
{% macro adds_to_existing() -%}
{%- if target.type in ('duckdb', 'athena') -%}
{{ return(is_incremental()) }}
{%- endif -%}
{{ return(execute and not flags.FULL_REFRESH and load_relation(this) is not none) }}
{%- endmacro %}

{#- Whether old rows must be written again beside the new ones: all of them, or those of the touched months. -#}
{% macro rewrites_existing() -%}
{{ return(target.type != 'duckdb' and adds_to_existing()) }}
{%- endmacro %}

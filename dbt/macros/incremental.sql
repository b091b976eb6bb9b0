{#-
  A mart that grows by days. DuckDB deletes the days that come again and inserts. Athena keeps plain Parquet tables, where
  rows cannot be deleted: it writes the touched months again. So does the Trino of the tests, whose inserts are told to
  replace the partitions that they write to.
-#}
{% macro daily_config() -%}
{%- if target.type == 'duckdb' -%}
{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='service_date', on_schema_change='fail') }}
{%- elif target.type == 'athena' -%}
{{ config(materialized='incremental', incremental_strategy='insert_overwrite', partitioned_by=['service_month'], format='parquet', on_schema_change='fail') }}
{%- else -%}
{%- set session = target.database ~ '.insert_existing_partitions_behavior' -%}
{{ config(
    materialized='incremental', incremental_strategy='append', properties={'partitioned_by': "ARRAY['service_month']"}, on_schema_change='fail',
    pre_hook="set session " ~ session ~ " = 'OVERWRITE'", post_hook="reset session " ~ session
) }}
{%- endif -%}
{%- endmacro %}

{#- Whether the old rows of the touched months must be written again beside the new ones. -#}
{% macro rewrites_existing() -%}
{{ return(target.type != 'duckdb' and is_incremental()) }}
{%- endmacro %}

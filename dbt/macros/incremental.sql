{#-
  The config of a mart that grows by days. On DuckDB the days that are written again are deleted and inserted. Athena has
  plain Parquet tables, from which rows cannot be deleted: the months of the new days are rewritten. The same holds for Trino
  in the tests, where inserts replace the partitions that they write to.
-#}
{% macro daily_config() -%}
{%- if target.type == 'duckdb' -%}
{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='service_date', on_schema_change='fail') }}
{%- elif target.type == 'athena' -%}
{{ config(
    materialized='incremental', incremental_strategy='insert_overwrite', partitioned_by=['service_month'], format='parquet',
    on_schema_change='fail'
) }}
{%- else -%}
{%- set session = target.database ~ '.insert_existing_partitions_behavior' -%}
{{ config(
    materialized='incremental', incremental_strategy='append', properties={'partitioned_by': "ARRAY['service_month']"},
    on_schema_change='fail',
    pre_hook="set session " ~ session ~ " = 'OVERWRITE'", post_hook="reset session " ~ session
) }}
{%- endif -%}
{%- endmacro %}

{#- Whether the existing rows of the rewritten months must be selected in addition to the new ones. -#}
{% macro rewrites_existing() -%}
{{ return(target.type != 'duckdb' and is_incremental()) }}
{%- endmacro %}

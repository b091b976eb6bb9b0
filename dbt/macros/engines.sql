{#-
  Differences between DuckDB and Trino, whose SQL Athena shares. Each macro has a default for Trino and a variant for DuckDB.
  Apart from these macros, models use only SQL that both support.
-#}

{% macro md5_text(text) %}{{ return(adapter.dispatch('md5_text', 'llac')(text)) }}{% endmacro %}
{% macro default__md5_text(text) %}lower(to_hex(md5(to_utf8({{ text }})))){% endmacro %}
{% macro duckdb__md5_text(text) %}md5({{ text }}){% endmacro %}

{#- Integer division of numbers that are not negative. -#}
{% macro divide_whole(dividend, divisor) %}{{ return(adapter.dispatch('divide_whole', 'llac')(dividend, divisor)) }}{% endmacro %}
{% macro default__divide_whole(dividend, divisor) %}(({{ dividend }}) / ({{ divisor }})){% endmacro %}
{% macro duckdb__divide_whole(dividend, divisor) %}(({{ dividend }}) // ({{ divisor }})){% endmacro %}

{% macro add_days(day, count) %}{{ return(adapter.dispatch('add_days', 'llac')(day, count)) }}{% endmacro %}
{% macro default__add_days(day, count) %}date_add('day', {{ count }}, {{ day }}){% endmacro %}
{% macro duckdb__add_days(day, count) %}({{ day }} + cast({{ count }} as integer)){% endmacro %}

{% macro add_months(day, count) %}{{ return(adapter.dispatch('add_months', 'llac')(day, count)) }}{% endmacro %}
{% macro default__add_months(day, count) %}date_add('month', {{ count }}, {{ day }}){% endmacro %}
{% macro duckdb__add_months(day, count) %}cast({{ day }} + to_months(cast({{ count }} as integer)) as date){% endmacro %}

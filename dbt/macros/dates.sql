{#- The day of a slot such as 20250803T140512 (UTC). -#}
{% macro slot_date(slot) -%}
cast(substr({{ slot }}, 1, 4) || '-' || substr({{ slot }}, 5, 2) || '-' || substr({{ slot }}, 7, 2) as date)
{%- endmacro %}

{#- The first day of a year, given as a number. -#}
{% macro year_start(year) -%}
cast(cast({{ year }} as varchar) || '-01-01' as date)
{%- endmacro %}

{#- The first day of a quarter; year and quarter (1 to 4) are numbers. -#}
{% macro quarter_start(year, quarter) -%}
cast(cast({{ year }} as varchar) || '-' || case {{ quarter }} when 1 then '01' when 2 then '04' when 3 then '07' else '10' end
    || '-01' as date)
{%- endmacro %}

{#- The last day of the calendar: the end of the year after the year of the build. -#}
{% macro calendar_end_date() -%}
{%- set day = var('build_date', none) or run_started_at.strftime('%Y-%m-%d') -%}
{{ return((day[:4] | int + 1) ~ '-12-31') }}
{%- endmacro %}

{#- Whether a version is valid on a day. Its validity ends before valid_to. -#}
{% macro is_valid_on(version, day) -%}
{{ day }} >= {{ version }}.valid_from and ({{ version }}.valid_to is null or {{ day }} < {{ version }}.valid_to)
{%- endmacro %}

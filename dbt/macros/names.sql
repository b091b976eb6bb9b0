{#- The check digit that Idescat appends to the five digits of an INE code, as text. -#}
{% macro idescat_check_digit(code) -%}
{%- set tables = ['0246813579', '0382741596', '0123456789', '0246813579', '0382741596'] -%}
{%- set digits = [] -%}
{%- for table in tables -%}
{%- do digits.append("cast(substr('" ~ table ~ "', cast(substr(" ~ code ~ ", " ~ loop.index ~ ", 1) as integer) + 1, 1) as integer)") -%}
{%- endfor -%}
cast(mod(10 - mod({{ digits | join(' + ') }}, 10), 10) as varchar)
{%- endmacro %}

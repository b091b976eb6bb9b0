{#-
  The change from one figure to another in percent, with two decimals; null if either is missing or the first is 0. It is
  computed in doubles, because the engines divide decimals to different scales.
-#}
{% macro change_pct(before, after) -%}
cast(round((cast({{ after }} as double) / nullif(cast({{ before }} as double), 0) - 1) * 100, 2) as decimal(12, 2))
{%- endmacro %}

{#- One figure as a percentage of another, with two decimals. -#}
{% macro share_pct(part, whole) -%}
cast(round(cast({{ part }} as double) / nullif(cast({{ whole }} as double), 0) * 100, 2) as decimal(12, 2))
{%- endmacro %}

{#- A sum that is null if a member is missing: a part must never look like the whole. -#}
{% macro complete_sum(column, missing) -%}
case when {{ missing }} = 0 then cast(sum({{ column }}) as bigint) end
{%- endmacro %}

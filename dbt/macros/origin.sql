{#-
  Invariant 11: a row that is made of several rows has the weakest of their origins. "invented" (by the simulator) is weaker
  than "recorded" (a real fact that the project carries), which is weaker than "published" (by a real portal).
-#}

{#- The weakest origin of the rows of a group. -#}
{% macro weakest_origin(column) -%}
case
    when count(case when {{ column }} = 'invented' then 1 end) > 0 then 'invented'
    when count(case when {{ column }} = 'recorded' then 1 end) > 0 then 'recorded'
    else min({{ column }})
end
{%- endmacro %}

{#- The weakest origin of several columns of one row. Nulls are ignored. -#}
{% macro weaker_origin(columns) -%}
case
    when 'invented' in ({{ "coalesce(" ~ columns | join(", ''), coalesce(") ~ ", '')" }}) then 'invented'
    when 'recorded' in ({{ "coalesce(" ~ columns | join(", ''), coalesce(") ~ ", '')" }}) then 'recorded'
    else coalesce({{ columns | join(', ') }})
end
{%- endmacro %}

{#- The same for source_system: the simulator is the weakest, then any server that is not the contract's ("unofficial:host"). -#}
{% macro weakest_system(column) -%}
case
    when count(case when {{ column }} = 'simulator' then 1 end) > 0 then 'simulator'
    when count(case when {{ column }} like 'unofficial%' then 1 end) > 0
        then min(case when {{ column }} like 'unofficial%' then {{ column }} end)
    else min({{ column }})
end
{%- endmacro %}

{#- The weakest source_system of two columns of one row. Two hosts of real portals are both named. -#}
{% macro weaker_system(first, second) -%}
case
    when {{ first }} = 'simulator' or {{ second }} = 'simulator' then 'simulator'
    when {{ first }} like 'unofficial%' then {{ first }}
    when {{ second }} like 'unofficial%' then {{ second }}
    when {{ first }} is null or {{ first }} = {{ second }} then {{ second }}
    when {{ second }} is null then {{ first }}
    else {{ first }} || ', ' || {{ second }}
end
{%- endmacro %}

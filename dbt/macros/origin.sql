{#-
  Invariant 11: what is made of several rows is as trustworthy as the weakest of them. "invented" (by the simulator) is
  weaker than "recorded" (a real fact, carried), and that than "published" (by a real portal).
-#}

{#- Of the rows of a group. -#}
{% macro weakest_origin(column) -%}
case
    when count(case when {{ column }} = 'invented' then 1 end) > 0 then 'invented'
    when count(case when {{ column }} = 'recorded' then 1 end) > 0 then 'recorded'
    else min({{ column }})
end
{%- endmacro %}

{#- Of some columns of one row; those that are null say nothing. -#}
{% macro weaker_origin(columns) -%}
case
    when 'invented' in ({{ "coalesce(" ~ columns | join(", ''), coalesce(") ~ ", '')" }}) then 'invented'
    when 'recorded' in ({{ "coalesce(" ~ columns | join(", ''), coalesce(") ~ ", '')" }}) then 'recorded'
    else coalesce({{ columns | join(', ') }})
end
{%- endmacro %}

{#- The same for source_system: simulated wins, then what no portal of the contract's served ("unofficial:host"). -#}
{% macro weakest_system(column) -%}
case
    when count(case when {{ column }} = 'simulator' then 1 end) > 0 then 'simulator'
    when count(case when {{ column }} like 'unofficial%' then 1 end) > 0 then min(case when {{ column }} like 'unofficial%' then {{ column }} end)
    else min({{ column }})
end
{%- endmacro %}

{#- Of some columns of one row: two hosts of real portals are both named. -#}
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

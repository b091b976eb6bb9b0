{#-
  A name in the form in which names are compared: lower case, without accents, all other characters as one space.
  "L'Hospitalet de Llobregat" gives "l hospitalet de llobregat". The order and the articles are kept.
-#}
{% macro folded(name) -%}
trim({{ replace_all(
    "translate(lower(" ~ composed(name) ~ "), 'àáâäãåèéêëìíîïòóôöõùúûüçñýÿŀ', 'aaaaaaeeeeiiiiooooouuuucnyyl')",
    '[^a-z0-9]+', ' ') }})
{%- endmacro %}

{#- A name with its article in front, where lists have it after a comma: "Prat de Llobregat, el" gives "El Prat de Llobregat". -#}
{% macro natural_name(name) -%}
case
    {%- for article in ['el', 'la', 'els', 'les', 'es', 'sa', 'ses', 'lo', 'los'] %}
    when lower({{ name }}) like '%, {{ article }}'
        then '{{ article | capitalize }} ' || substr({{ name }}, 1, length({{ name }}) - {{ article | length + 2 }})
    {%- endfor %}
    when lower({{ name }}) like '%, l''' then 'L''' || substr({{ name }}, 1, length({{ name }}) - 4)
    when lower({{ name }}) like '%, s''' then 'S''' || substr({{ name }}, 1, length({{ name }}) - 4)
    else {{ name }}
end
{%- endmacro %}

{#- The check digit that Idescat appends to the five digits of an INE code, as text. -#}
{% macro idescat_check_digit(code) -%}
{%- set tables = ['0246813579', '0382741596', '0123456789', '0246813579', '0382741596'] -%}
{%- set digits = [] -%}
{%- for table in tables -%}
{%- do digits.append("cast(substr('" ~ table ~ "', cast(substr(" ~ code ~ ", " ~ loop.index ~ ", 1) as integer) + 1, 1) as integer)") -%}
{%- endfor -%}
cast(mod(10 - mod({{ digits | join(' + ') }}, 10), 10) as varchar)
{%- endmacro %}

{#- A surrogate key: MD5, as 32 hexadecimal digits, of the columns as text. A null differs from every text. -#}
{% macro surrogate_key(columns) -%}
{%- set parts = [] -%}
{%- for column in columns -%}
{%- do parts.append("coalesce(cast(" ~ column ~ " as varchar), '~')") -%}
{%- endfor -%}
{{ md5_text(parts | join(" || '|' || ")) }}
{%- endmacro %}

{#- The id that a seed has for a name, or one made of the name, so that a name new to us neither vanishes nor stops a build. -#}
{% macro name_id(known_id, name_folded) -%}
coalesce({{ known_id }}, 'NEW-' || substr({{ md5_text(name_folded) }}, 1, 8))
{%- endmacro %}

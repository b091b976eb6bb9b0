{#- Not through ref: the published build is read, and this build must not depend on itself. -#}
{%- set published_dimension = published('dim_municipalities') -%}
{%- if published_dimension is none -%}
select
    cast(null as varchar) as municipality_id,
    cast(null as varchar) as municipality_name,
    cast(null as varchar) as municipality_name_natural,
    cast(null as varchar) as municipality_name_folded,
    cast(null as varchar) as comarca_id,
    cast(null as date) as valid_from,
    cast(null as date) as valid_to,
    cast(null as varchar) as valid_from_precision,
    cast(null as varchar) as valid_from_source,
    cast(null as varchar) as source_system,
    cast(null as varchar) as data_origin
where 1 = 0
{%- else -%}
select
    municipality_id,
    municipality_name,
    municipality_name_natural,
    municipality_name_folded,
    comarca_id,
    valid_from,
    valid_to,
    valid_from_precision,
    valid_from_source,
    source_system,
    data_origin
from {{ published_dimension }}
{%- endif %}

{#- No two rows share the column, and it is never null; tested in one pass. The failing rows are its values. -#}
{% test is_unique_and_not_null(model, column_name) %}
select
    {{ column_name }},
    count(*) as row_count
from {{ model }}
group by {{ column_name }}
having count(*) > 1 or {{ column_name }} is null
{% endtest %}

{#- The expression is true in every row. The failing rows have all columns. -#}
{% test expression_holds(model, expression) %}
select *
from {{ model }}
where not coalesce({{ expression }}, false)
{% endtest %}

{#- Invariant 11: every row has a source system and a known origin. -#}
{% test origin_is_known(model) %}
select
    source_system,
    data_origin,
    count(*) as row_count
from {{ model }}
where
    source_system is null
    or data_origin is null
    or data_origin not in ('published', 'recorded', 'invented', 'generated')
group by source_system, data_origin
{% endtest %}

{#- Each version ends before the next starts, only the last one has no end, and none is empty. -#}
{% test no_overlapping_validity(model, entity) %}
select *
from (
    select
        {{ entity }},
        valid_from,
        valid_to,
        lead(valid_from) over (partition by {{ entity }} order by valid_from) as next_valid_from
    from {{ model }}
) as versions
where
    valid_from is null
    or valid_to <= valid_from
    or (next_valid_from is not null and (valid_to is null or valid_to > next_valid_from))
{% endtest %}

{#- No date of a series is missing between its first and last: dates are one day, or the given months, apart. -#}
{% test no_gaps(model, column_name, by=[], months=none) %}
{%- set columns = (by + [column_name]) | join(', ') %}
with dates as (

    select distinct {{ columns }} from {{ model }}

),

pairs as (

    select
        {{ columns }},
        lead({{ column_name }}) over ({{ 'partition by ' ~ by | join(', ') if by }} order by {{ column_name }}) as next_date
    from dates

)

select * from pairs
where next_date <> {{ add_days(column_name, 1) if months is none else add_months(column_name, months) }}
{% endtest %}

{#- Each row that refers to a municipality has the version valid on its date. The failing rows name the municipality. -#}
{% test municipality_is_in_dimension(model, date) %}
select
    municipality_id,
    count(*) as row_count,
    min({{ date }}) as first_date,
    max({{ date }}) as last_date
from {{ model }}
where
    municipality_id is not null
    and municipality_key is null
group by municipality_id
{% endtest %}

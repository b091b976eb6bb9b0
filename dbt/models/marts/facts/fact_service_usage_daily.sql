{{ daily_config() }}

{%- set columns = [
    'service_usage_key', 'service_date', 'municipality_key', 'municipality_id', 'comarca_id', 'service_type_id', 'service_qualification_id',
    'registered_services', 'registered_places', 'known_places', 'services_without_capacity', 'new_services', 'closed_services',
    'match_confidence', 'is_observed', 'source_snapshot_id', 'source_system', 'data_origin', 'service_month',
] -%}
{%- set carried_columns = [
    ('service_date', 'date'), ('municipality_id', 'varchar'), ('comarca_id', 'varchar'), ('service_type_id', 'varchar'),
    ('service_qualification_id', 'varchar'), ('registered_services', 'integer'), ('known_places', 'integer'),
    ('services_without_capacity', 'integer'), ('match_confidence', 'double'), ('source_snapshot_id', 'varchar'),
    ('source_system', 'varchar'), ('data_origin', 'varchar'),
] -%}
{%- set existing_columns = [] -%}
{%- for column, type in carried_columns -%}
{%- do existing_columns.append('old_rows.' ~ column if is_incremental() else 'cast(null as ' ~ type ~ ') as ' ~ column) -%}
{%- endfor -%}
{%- set group_columns = ['municipality_id', 'register_comarca_id', 'service_type_id', 'service_qualification_id'] %}

with services as (

    select
        service_date,
        source_snapshot_id,
        social_service_register_id,
        municipality_id,
        -- the register's comarca counts only where no municipality is known
        case when municipality_id is null then register_comarca_id end as register_comarca_id,
        service_type_id,
        service_qualification_id,
        capacity,
        municipality_match_confidence,
        source_system,
        data_origin,
        is_added
    from {{ ref('int_services_by_snapshot') }}

),

municipalities as (

    select * from {{ ref('dim_municipalities') }}

),

-- the days with a snapshot, in order; of two snapshots of a day the later one counts
days as (

    select
        service_date,
        max(source_snapshot_id) as source_snapshot_id,
        max(case when is_added then 1 else 0 end) as is_added,
        cast(row_number() over (order by service_date) as integer) as day_number,
        lead(service_date) over (order by service_date) as next_date
    from services
    group by service_date

),

first_day as (

    select min(service_date) as service_date
    from days
    where is_added = 1

),

observed as (

    select
        services.*,
        days.day_number,
        days.next_date,
        lag(days.day_number) over (partition by services.social_service_register_id order by days.day_number) as seen_before,
        lead(days.day_number) over (partition by services.social_service_register_id order by days.day_number) as seen_after
    from services
    inner join days
        on
            services.service_date = days.service_date
            and services.source_snapshot_id = days.source_snapshot_id

),

-- what is there on a day, and what was there on the observed day before and is gone
movements as (

    select
        service_date,
        {{ group_columns | join(',\n        ') }},
        1 as services,
        capacity,
        case when capacity is null then 1 else 0 end as without_capacity,
        case when seen_before = day_number - 1 then 0 else 1 end as came,
        0 as went,
        municipality_match_confidence,
        source_system,
        data_origin
    from observed

    union all

    select
        next_date as service_date,
        {{ group_columns | join(',\n        ') }},
        0 as services,
        cast(null as integer) as capacity,
        0 as without_capacity,
        0 as came,
        1 as went,
        municipality_match_confidence,
        source_system,
        data_origin
    from observed
    where
        next_date is not null
        and (seen_after is null or seen_after > day_number + 1)

),

grouped as (

    select
        service_date,
        {{ group_columns | join(',\n        ') }},
        cast(sum(services) as integer) as registered_services,
        cast(coalesce(sum(capacity), 0) as integer) as known_places,
        cast(sum(without_capacity) as integer) as services_without_capacity,
        cast(sum(came) as integer) as came,
        cast(sum(went) as integer) as went,
        min(municipality_match_confidence) as match_confidence,
        {{ weakest_system('source_system') }} as source_system,
        {{ weakest_origin('data_origin') }} as data_origin
    from movements
    group by service_date, {{ group_columns | join(', ') }}

),

of_days as (

    select
        grouped.*,
        days.source_snapshot_id,
        days.day_number,
        days.next_date,
        days.is_added
    from grouped
    inner join days
        on grouped.service_date = days.service_date

),

calendar as (

    select date_day from {{ ref('dim_time') }}

),

-- the last day that the table has: none, when it is made whole
last_day as (

    select {{ 'max(service_date) as service_date from ' ~ this if is_incremental() else 'cast(null as date) as service_date' }}

),

existing as (

    select
        {{ existing_columns | join(',\n        ') }}
    {{ 'from ' ~ this ~ ' as old_rows inner join last_day on old_rows.service_date = last_day.service_date' if is_incremental() else 'where false' }}

),

counted as (

    select
        service_date,
        {{ group_columns | join(',\n        ') }},
        registered_services,
        known_places,
        services_without_capacity,
        -- on the first day nothing is known of the day before
        case when day_number > 1 then came end as new_services,
        case when day_number > 1 then went end as closed_services,
        match_confidence,
        true as is_observed,
        source_snapshot_id,
        source_system,
        data_origin
    from of_days
    where is_added = 1

    union all

    -- a day without a snapshot is like the last observed day before it
    select
        calendar.date_day as service_date,
        of_days.{{ group_columns | join(',\n        of_days.') }},
        of_days.registered_services,
        of_days.known_places,
        of_days.services_without_capacity,
        cast(null as integer) as new_services,
        cast(null as integer) as closed_services,
        of_days.match_confidence,
        false as is_observed,
        of_days.source_snapshot_id,
        of_days.source_system,
        of_days.data_origin
    from of_days
    inner join calendar
        on
            of_days.service_date < calendar.date_day
            and of_days.next_date > calendar.date_day
    where
        of_days.registered_services > 0
        and {{ 'of_days.is_added = 1' if is_incremental() else 'true' }}

    union all

    -- and so is a day between the last one that the table has and the first that is added
    select
        calendar.date_day as service_date,
        existing.municipality_id,
        case when existing.municipality_id is null then existing.comarca_id end as register_comarca_id,
        existing.service_type_id,
        existing.service_qualification_id,
        existing.registered_services,
        existing.known_places,
        existing.services_without_capacity,
        cast(null as integer) as new_services,
        cast(null as integer) as closed_services,
        existing.match_confidence,
        false as is_observed,
        existing.source_snapshot_id,
        existing.source_system,
        existing.data_origin
    from existing
    cross join first_day
    inner join calendar
        on
            existing.service_date < calendar.date_day
            and first_day.service_date > calendar.date_day
    where existing.registered_services > 0

),

described as (

    select
        counted.service_date,
        municipalities.municipality_key,
        counted.municipality_id,
        case
            when counted.municipality_id is null then counted.register_comarca_id
            else municipalities.comarca_id
        end as comarca_id,
        counted.service_type_id,
        counted.service_qualification_id,
        counted.registered_services,
        -- a sum that lacks a service's places is no sum
        case when counted.services_without_capacity = 0 then counted.known_places end as registered_places,
        counted.known_places,
        counted.services_without_capacity,
        counted.new_services,
        counted.closed_services,
        case when counted.municipality_id is not null then counted.match_confidence end as match_confidence,
        counted.is_observed,
        counted.source_snapshot_id,
        counted.source_system,
        counted.data_origin,
        substr(cast(counted.service_date as varchar), 1, 7) as service_month
    from counted
    left join municipalities
        on
            counted.municipality_id = municipalities.municipality_id
            and {{ is_valid_on('municipalities', 'counted.service_date') }}

),

keyed as (

    select
        {{ surrogate_key(['service_date', 'municipality_id', 'comarca_id', 'service_type_id', 'service_qualification_id']) }} as service_usage_key,
        described.*
    from described

),

written_days as (

    select distinct service_date from keyed

),

touched_months as (

    select distinct service_month from keyed

)

select
    {{ columns | join(',\n    ') }}
from keyed
{%- if rewrites_existing() %}

union all

-- the other days of the months that are written again
select
    old_rows.{{ columns | join(',\n    old_rows.') }}
from {{ this }} as old_rows
inner join touched_months
    on old_rows.service_month = touched_months.service_month
left join written_days
    on old_rows.service_date = written_days.service_date
where written_days.service_date is null
{%- endif %}

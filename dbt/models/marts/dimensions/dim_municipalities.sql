with current_list as (

    select * from {{ ref('stg_municipalities') }}

),

published as (

    select * from {{ ref('int_municipalities_published') }}

),

history as (

    select * from {{ ref('municipality_history') }}

),

comarques as (

    select * from {{ ref('comarques') }}

),

provinces as (

    select * from {{ ref('provinces') }}

),

snapshot_day as (

    select
        max(snapshot_date) as snapshot_date,
        max(source_snapshot_id) as source_snapshot_id
    from current_list

),

-- a municipality that no published build knows begins with what the seed knows of it
recorded as (

    select
        history.municipality_id,
        history.municipality_name,
        history.municipality_name_natural,
        history.municipality_name_folded,
        history.comarca_id,
        coalesce(history.valid_from, date '{{ var("history_start_date") }}') as valid_from,
        lead(history.valid_from) over (
            partition by history.municipality_id
            order by coalesce(history.valid_from, date '{{ var("history_start_date") }}')
        ) as valid_to,
        history.valid_from_precision,
        history.valid_from_source,
        cast('llac' as varchar) as source_system,
        cast('recorded' as varchar) as data_origin
    from history
    left join published
        on history.municipality_id = published.municipality_id
    where published.municipality_id is null

),

known as (

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
    from published

    union all

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
    from recorded

),

-- each open version with the current entry of the list
compared as (

    select
        known.*,
        snapshot_day.snapshot_date,
        current_list.source_system as current_source_system,
        current_list.data_origin as current_data_origin,
        current_list.municipality_name as current_name,
        current_list.municipality_name_natural as current_name_natural,
        current_list.municipality_name_folded as current_name_folded,
        -- a difference that folding removes, like another apostrophe, is none; a name that an earlier build folded otherwise
        -- may be compared as it is
        coalesce(
            (
                current_list.municipality_name_folded = known.municipality_name_folded
                or current_list.municipality_name = known.municipality_name
            )
            and current_list.comarca_id = known.comarca_id,
            false
        ) as is_unchanged
    from known
    cross join snapshot_day
    left join current_list
        on known.municipality_id = current_list.municipality_id

),

kept as (

    select
        municipality_id,
        -- an open version is spelt as the current list spells it
        case when valid_to is null and is_unchanged then current_name else municipality_name end as municipality_name,
        case
            when valid_to is null and is_unchanged then current_name_natural
            else municipality_name_natural
        end as municipality_name_natural,
        case
            when valid_to is null and is_unchanged then current_name_folded
            else municipality_name_folded
        end as municipality_name_folded,
        comarca_id,
        valid_from,
        case when valid_to is null and not is_unchanged then snapshot_date else valid_to end as valid_to,
        valid_from_precision,
        valid_from_source,
        case when valid_to is null and is_unchanged then current_source_system else source_system end as source_system,
        case when valid_to is null and is_unchanged then current_data_origin else data_origin end as data_origin
    from compared
    -- a version that began on the snapshot's own day, and is already another, was never in force
    where valid_to is not null or is_unchanged or valid_from < snapshot_date

),

known_ids as (

    select distinct municipality_id from known

),

unchanged_ids as (

    select municipality_id
    from compared
    where
        valid_to is null
        and is_unchanged

),

builds as (

    select count(*) = 0 as is_first from published

),

-- entries of the list that no open version has
opened as (

    select
        current_list.municipality_id,
        current_list.municipality_name,
        current_list.municipality_name_natural,
        current_list.municipality_name_folded,
        current_list.comarca_id,
        case
            when builds.is_first and known_ids.municipality_id is null then date '{{ var("history_start_date") }}'
            else snapshot_day.snapshot_date
        end as valid_from,
        cast(null as date) as valid_to,
        case
            when builds.is_first and known_ids.municipality_id is null then 'unknown'
            else 'snapshot'
        end as valid_from_precision,
        case
            when builds.is_first and known_ids.municipality_id is null then cast(null as varchar)
            else 'First seen in snapshot ' || snapshot_day.source_snapshot_id
        end as valid_from_source,
        current_list.source_system,
        current_list.data_origin
    from current_list
    cross join snapshot_day
    cross join builds
    left join known_ids
        on current_list.municipality_id = known_ids.municipality_id
    left join unchanged_ids
        on current_list.municipality_id = unchanged_ids.municipality_id
    where unchanged_ids.municipality_id is null

),

versions as (

    select * from kept
    union all
    select * from opened

),

described as (

    select
        {{ surrogate_key(['versions.municipality_id', 'versions.valid_from']) }} as municipality_key,
        versions.municipality_id,
        substr(versions.municipality_id, 1, 5) as ine_code,
        versions.municipality_name,
        versions.municipality_name_natural,
        versions.municipality_name_folded,
        versions.comarca_id,
        comarques.comarca_name,
        substr(versions.municipality_id, 1, 2) as province_id,
        provinces.province_name,
        versions.valid_from,
        versions.valid_to,
        versions.valid_to is null as is_current,
        versions.valid_from_precision,
        versions.valid_from_source,
        versions.source_system,
        versions.data_origin
    from versions
    left join comarques
        on versions.comarca_id = comarques.comarca_id
    left join provinces
        on substr(versions.municipality_id, 1, 2) = provinces.province_id

)

select * from described

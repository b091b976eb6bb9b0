with population as (

    select * from {{ ref('stg_population') }}
    where sex = 'total'

),

-- extinct municipalities stand in the source without a single figure
with_figures as (

    select distinct territory_id
    from population
    where population is not null

),

points as (

    select population.*
    from population
    inner join with_figures
        on population.territory_id = with_figures.territory_id

),

pairs as (

    select
        points.*,
        next_points.population as next_population,
        next_points.source_status as next_source_status,
        next_points.source_system as next_source_system,
        next_points.data_origin as next_data_origin
    from points
    left join points as next_points
        on
            points.territory_id = next_points.territory_id
            and points.year + 1 = next_points.year

),

months as (

    select number as months_after
    from {{ ref('int_numbers') }}
    where number < 12

),

monthly as (

    select
        pairs.territory_id,
        pairs.municipality_id,
        pairs.is_catalonia,
        pairs.year,
        pairs.reference_date,
        months.months_after > 0 as is_interpolated,
        cast({{ add_months('pairs.reference_date', 'months.months_after') }} as date) as month_start_date,
        -- twelfths of the difference, rounded half up in integers, so that every engine gives the same result
        case
            when months.months_after = 0 then pairs.population
            else cast({{ divide_whole(
                '2 * (12 * cast(pairs.population as bigint)'
                ~ ' + (pairs.next_population - pairs.population) * months.months_after) + 12', 24) }} as integer)
        end as population,
        case
            when months.months_after = 0 then pairs.source_status
            else coalesce(pairs.source_status, pairs.next_source_status)
        end as source_status,
        case
            when months.months_after = 0 then pairs.source_system
            else {{ weaker_system('pairs.source_system', 'pairs.next_source_system') }}
        end as source_system,
        case
            when months.months_after = 0 then pairs.data_origin
            else {{ weaker_origin(['pairs.data_origin', 'pairs.next_data_origin']) }}
        end as data_origin,
        pairs.source_snapshot_id,
        case when months.months_after = 0 then pairs.source_run_id end as source_run_id,
        case when months.months_after = 0 then pairs.source_page end as source_page,
        case when months.months_after = 0 then pairs.source_row end as source_row
    from pairs
    cross join months
    -- between two published figures of consecutive years, and nowhere else
    where
        months.months_after = 0
        or (pairs.population is not null and pairs.next_population is not null)

)

select * from monthly

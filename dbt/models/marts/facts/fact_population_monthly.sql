with monthly as (

    select * from {{ ref('int_population_monthly') }}
    where not is_catalonia

),

municipalities as (

    select * from {{ ref('dim_municipalities') }}

),

joined as (

    select
        {{ surrogate_key(['monthly.municipality_id', 'monthly.month_start_date']) }} as population_monthly_key,
        municipalities.municipality_key,
        monthly.municipality_id,
        monthly.month_start_date,
        monthly.population,
        monthly.reference_date,
        monthly.is_interpolated,
        case when monthly.is_interpolated then cast('linear by month, between two 1 January' as varchar) end as interpolation_method,
        monthly.source_status,
        monthly.source_snapshot_id,
        monthly.source_run_id,
        monthly.source_page,
        monthly.source_row,
        monthly.source_system,
        monthly.data_origin
    from monthly
    left join municipalities
        on
            monthly.municipality_id = municipalities.municipality_id
            and {{ is_valid_on('municipalities', 'monthly.month_start_date') }}

)

select * from joined

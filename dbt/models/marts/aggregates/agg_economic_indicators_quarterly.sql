with gdp as (

    select *
    from {{ ref('fact_gdp_quarterly') }}
    where
        sector_id = 'pibt-gdp'
        and adjustment = 'seasonally_adjusted'

),

gdp_quarters as (

    select
        current_prices.quarter_start_date,
        current_prices.gdp_meur,
        current_prices.yoy_change_pct as gdp_yoy_pct,
        volume.yoy_change_pct as gdp_volume_yoy_pct,
        {{ weaker_system('current_prices.source_system', 'volume.source_system') }} as source_system,
        {{ weaker_origin(['current_prices.data_origin', 'volume.data_origin']) }} as data_origin
    from gdp as current_prices
    left join gdp as volume
        on
            current_prices.quarter_start_date = volume.quarter_start_date
            and current_prices.base_revision = volume.base_revision
            and volume.price_basis = 'chain_volume'
    where current_prices.price_basis = 'current'

),

municipalities as (

    select * from {{ ref('dim_municipalities') }}
    where is_current

),

housing as (

    select * from {{ ref('int_housing_quarterly') }}

),

-- a quarter exists when a municipality has a figure for it
housing_quarters as (

    select distinct quarter_start_date
    from housing
    where dwellings_started is not null or dwellings_completed is not null

),

housing_members as (

    select
        housing_quarters.quarter_start_date,
        municipalities.comarca_id,
        housing.dwellings_started,
        housing.dwellings_completed,
        housing.source_system,
        housing.data_origin
    from housing_quarters
    cross join municipalities
    left join housing
        on
            housing_quarters.quarter_start_date = housing.quarter_start_date
            and municipalities.municipality_id = housing.municipality_id

),

housing_totals as (
    {% for geography, id in [('comarca', 'comarca_id'), ('catalonia', "'09'")] %}
    select
        cast('{{ geography }}' as varchar) as geography_type,
        {{ id }} as geography_id,
        quarter_start_date,
        {{ complete_sum('dwellings_started', 'count(*) - count(dwellings_started)') }} as housing_started,
        cast(count(*) - count(dwellings_started) as integer) as housing_started_municipalities_missing,
        {{ complete_sum('dwellings_completed', 'count(*) - count(dwellings_completed)') }} as housing_completed,
        cast(count(*) - count(dwellings_completed) as integer) as housing_completed_municipalities_missing,
        {{ weakest_system('source_system') }} as source_system,
        {{ weakest_origin('data_origin') }} as data_origin
    from housing_members
    group by quarter_start_date{{ ', comarca_id' if geography == 'comarca' }}
    having count(dwellings_started) + count(dwellings_completed) > 0
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

services as (

    select
        service_days.*,
        cast(date_trunc('quarter', service_days.service_date) as date) as quarter_start_date
    from {{ ref('fact_service_usage_daily') }} as service_days

),

-- places are a stock: those of the last day of the quarter that is known
last_days as (

    select
        quarter_start_date,
        max(service_date) as last_date
    from services
    group by quarter_start_date

),

services_totals as (
    {% for geography, id in [('comarca', 'services.comarca_id'), ('catalonia', "'09'")] %}
    select
        cast('{{ geography }}' as varchar) as geography_type,
        {{ id }} as geography_id,
        services.quarter_start_date,
        max(services.service_date) as registered_places_date,
        {{ complete_sum('services.known_places', 'sum(services.services_without_capacity)') }} as registered_places,
        cast(sum(services.known_places) as bigint) as known_places,
        cast(sum(services.services_without_capacity) as integer) as services_without_capacity,
        {{ weakest_system('services.source_system') }} as source_system,
        {{ weakest_origin('services.data_origin') }} as data_origin
    from services
    inner join last_days
        on services.service_date = last_days.last_date
    {%- if geography == 'comarca' %}
    -- services whose comarca is not known either are in Catalonia's figure alone
    where services.comarca_id is not null
    {%- endif %}
    group by services.quarter_start_date{{ ', services.comarca_id' if geography == 'comarca' }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

population as (

    select * from {{ ref('int_population_monthly') }}
    where is_catalonia

),

rows_of_marts as (

    select
        cast('catalonia' as varchar) as geography_type,
        cast('09' as varchar) as geography_id,
        quarter_start_date
    from gdp_quarters
    union distinct
    select
        geography_type,
        geography_id,
        quarter_start_date
    from housing_totals
    union distinct
    select
        geography_type,
        geography_id,
        quarter_start_date
    from services_totals

),

joined as (

    select
        {{ surrogate_key(['rows_of_marts.geography_type', 'rows_of_marts.geography_id', 'rows_of_marts.quarter_start_date']) }}
            as economic_indicators_quarterly_key,
        rows_of_marts.quarter_start_date,
        rows_of_marts.geography_type,
        rows_of_marts.geography_id,
        gdp_quarters.gdp_meur,
        gdp_quarters.gdp_yoy_pct,
        gdp_quarters.gdp_volume_yoy_pct,
        -- four such quarters make a year; the population is that of the quarter's first day
        cast(round(
            cast(gdp_quarters.gdp_meur as double) * 4 * 1000000 / nullif(cast(population.population as double), 0)
        ) as bigint) as gdp_per_capita_eur,
        population.is_interpolated as is_population_interpolated,
        housing_totals.housing_started,
        housing_totals.housing_started_municipalities_missing,
        housing_totals.housing_completed,
        housing_totals.housing_completed_municipalities_missing,
        services_totals.registered_places,
        services_totals.known_places,
        services_totals.services_without_capacity,
        services_totals.registered_places_date,
        gdp_quarters.data_origin as gdp_data_origin,
        case when gdp_quarters.gdp_meur is not null then population.data_origin end as population_data_origin,
        housing_totals.data_origin as housing_data_origin,
        services_totals.data_origin as services_data_origin,
        gdp_quarters.source_system as gdp_source_system,
        {{ weaker_system('housing_totals.source_system', 'services_totals.source_system') }} as other_source_system
    from rows_of_marts
    left join gdp_quarters
        on
            rows_of_marts.geography_type = 'catalonia'
            and rows_of_marts.quarter_start_date = gdp_quarters.quarter_start_date
    left join population
        on
            rows_of_marts.geography_type = 'catalonia'
            and rows_of_marts.quarter_start_date = population.month_start_date
    left join housing_totals
        on
            rows_of_marts.geography_type = housing_totals.geography_type
            and rows_of_marts.geography_id = housing_totals.geography_id
            and rows_of_marts.quarter_start_date = housing_totals.quarter_start_date
    left join services_totals
        on
            rows_of_marts.geography_type = services_totals.geography_type
            and rows_of_marts.geography_id = services_totals.geography_id
            and rows_of_marts.quarter_start_date = services_totals.quarter_start_date

)

select
    economic_indicators_quarterly_key,
    quarter_start_date,
    geography_type,
    geography_id,
    gdp_meur,
    gdp_yoy_pct,
    gdp_volume_yoy_pct,
    gdp_per_capita_eur,
    is_population_interpolated,
    housing_started,
    housing_started_municipalities_missing,
    housing_completed,
    housing_completed_municipalities_missing,
    registered_places,
    known_places,
    services_without_capacity,
    registered_places_date,
    gdp_data_origin,
    population_data_origin,
    housing_data_origin,
    services_data_origin,
    {{ weaker_system('gdp_source_system', 'other_source_system') }} as source_system,
    {{ weaker_origin(['gdp_data_origin', 'population_data_origin', 'housing_data_origin', 'services_data_origin']) }} as data_origin
from joined

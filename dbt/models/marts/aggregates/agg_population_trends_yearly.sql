with municipalities as (

    select * from {{ ref('dim_municipalities') }}
    where is_current

),

published_figures as (

    select
        municipality_id,
        cast(extract(year from month_start_date) as integer) as year,
        population,
        source_system,
        data_origin
    from {{ ref('fact_population_monthly') }}
    where not is_interpolated

),

-- the same territories in every year: comarques as they are today
years as (

    select distinct year from published_figures

),

members as (

    select
        municipalities.municipality_id,
        municipalities.comarca_id,
        years.year,
        published_figures.population,
        published_figures.source_system,
        published_figures.data_origin
    from municipalities
    cross join years
    left join published_figures
        on
            municipalities.municipality_id = published_figures.municipality_id
            and years.year = published_figures.year

),

members_of_years as (

    select
        year,
        cast(count(*) as integer) as municipalities,
        cast(count(*) - count(population) as integer) as municipalities_missing
    from members
    group by year

),

totals as (

    select
        cast('municipality' as varchar) as geography_type,
        municipality_id as geography_id,
        year,
        cast(population as bigint) as population,
        1 as municipalities,
        0 as municipalities_missing,
        source_system,
        data_origin
    from members
    where population is not null

    union all

    select
        cast('comarca' as varchar) as geography_type,
        comarca_id as geography_id,
        year,
        {{ complete_sum('population', 'count(*) - count(population)') }} as population,
        cast(count(*) as integer) as municipalities,
        cast(count(*) - count(population) as integer) as municipalities_missing,
        {{ weakest_system('source_system') }} as source_system,
        {{ weakest_origin('data_origin') }} as data_origin
    from members
    group by comarca_id, year
    having count(population) > 0

    union all

    -- Catalonia's total is the source's own
    select
        cast('catalonia' as varchar) as geography_type,
        cast('09' as varchar) as geography_id,
        population.year,
        cast(population.population as bigint) as population,
        members_of_years.municipalities,
        members_of_years.municipalities_missing,
        population.source_system,
        population.data_origin
    from {{ ref('stg_population') }} as population
    inner join members_of_years
        on population.year = members_of_years.year
    where population.is_catalonia and population.sex = 'total'

),

by_age as (

    select * from {{ ref('stg_population_by_age') }}
    where sex = 'total'

),

of_age as (

    select
        is_catalonia,
        municipality_id,
        year,
        max(case when age_group = 'ge65' then population end) as population_ge65,
        max(case when age_group = 'total' then population end) as population_all_ages,
        {{ weakest_system('source_system') }} as source_system,
        {{ weakest_origin('data_origin') }} as data_origin
    from by_age
    group by is_catalonia, municipality_id, year

),

age_years as (

    select distinct year from of_age

),

ages as (

    select
        cast('municipality' as varchar) as geography_type,
        municipality_id as geography_id,
        year,
        cast(population_ge65 as bigint) as population_ge65,
        cast(population_all_ages as bigint) as population_all_ages,
        source_system,
        data_origin
    from of_age
    where not is_catalonia

    union all

    select
        cast('comarca' as varchar) as geography_type,
        municipalities.comarca_id as geography_id,
        age_years.year,
        {{ complete_sum('of_age.population_ge65', 'count(*) - count(of_age.population_ge65)') }} as population_ge65,
        {{ complete_sum('of_age.population_all_ages', 'count(*) - count(of_age.population_all_ages)') }} as population_all_ages,
        {{ weakest_system('of_age.source_system') }} as source_system,
        {{ weakest_origin('of_age.data_origin') }} as data_origin
    from municipalities
    cross join age_years
    left join of_age
        on
            municipalities.municipality_id = of_age.municipality_id
            and age_years.year = of_age.year
            and not of_age.is_catalonia
    group by municipalities.comarca_id, age_years.year

    union all

    select
        cast('catalonia' as varchar) as geography_type,
        cast('09' as varchar) as geography_id,
        year,
        cast(population_ge65 as bigint) as population_ge65,
        cast(population_all_ages as bigint) as population_all_ages,
        source_system,
        data_origin
    from of_age
    where is_catalonia

),

-- a year and those it is compared with, by windows: joining the totals to themselves makes more stages than Athena takes
compared as (

    select
        totals.*,
        {%- set years = 'over (partition by geography_type, geography_id order by year range between ' %}
        {%- set next_year = years ~ '1 following and 1 following)' %}
        {%- set five_years_before = years ~ '5 preceding and 5 preceding)' %}
        max(population) {{ next_year }} as population_end,
        max(data_origin) {{ next_year }} as next_data_origin,
        max(source_system) {{ next_year }} as next_source_system,
        max(population) {{ five_years_before }} as population_5y_before,
        max(data_origin) {{ five_years_before }} as before_data_origin
    from totals

),

described as (

    select
        {{ surrogate_key(['compared.geography_type', 'compared.geography_id', 'compared.year']) }} as population_trends_yearly_key,
        compared.geography_type,
        compared.geography_id,
        compared.year,
        compared.population as population_start,
        compared.population_end,
        cast(compared.population_end - compared.population as bigint) as population_change,
        {{ change_pct('compared.population', 'compared.population_end') }} as population_change_pct,
        cast(round(
            (power(cast(compared.population as double) / nullif(cast(compared.population_5y_before as double), 0), 0.2) - 1) * 100, 2
        ) as decimal(12, 2)) as cagr_5y_pct,
        compared.municipalities,
        compared.municipalities_missing,
        ages.population_ge65,
        ages.population_all_ages,
        {{ share_pct('ages.population_ge65', 'ages.population_all_ages') }} as ageing_pct,
        ages.data_origin as population_ge65_data_origin,
        {{ weaker_system('compared.source_system', 'compared.next_source_system') }} as source_system,
        {{ weaker_origin(['compared.data_origin', 'compared.next_data_origin', 'compared.before_data_origin']) }} as data_origin
    from compared
    left join ages
        on
            compared.geography_type = ages.geography_type
            and compared.geography_id = ages.geography_id
            and compared.year = ages.year

)

select * from described

-- A published 1 January of the fact is the source's figure to the person, and none is left out.
with published as (

    select
        municipality_id,
        year,
        population
    from {{ ref('stg_population') }}
    where
        not is_catalonia
        and sex = 'total'
        and population is not null

),

fact as (

    select
        municipality_id,
        cast(extract(year from month_start_date) as integer) as year,
        population
    from {{ ref('fact_population_monthly') }}
    where
        not is_interpolated
        and population is not null

)

select
    coalesce(published.municipality_id, fact.municipality_id) as municipality_id,
    coalesce(published.year, fact.year) as year,
    published.population as published_population,
    fact.population as fact_population
from published
full outer join fact
    on
        published.municipality_id = fact.municipality_id
        and published.year = fact.year
where coalesce(published.population, -1) <> coalesce(fact.population, -1)

-- Municipalities add up to the TOTAL row of the same table, year and sex; a year in which a municipality of the list has
-- no figure cannot be judged.
with population as (

    select * from {{ ref('stg_population') }}

),

not_given as (

    select distinct
        population.year,
        population.sex
    from population
    inner join {{ ref('dim_municipalities') }} as municipalities
        on
            population.municipality_id = municipalities.municipality_id
            and municipalities.is_current
    where population.population is null

)

select
    population.year,
    population.sex,
    sum(case when population.is_catalonia then population.population end) as total_of_the_table,
    sum(case when not population.is_catalonia then population.population end) as sum_of_municipalities
from population
left join not_given
    on
        population.year = not_given.year
        and population.sex = not_given.sex
where not_given.year is null
group by population.year, population.sex
having
    coalesce(sum(case when population.is_catalonia then population.population end), -1)
    <> coalesce(sum(case when not population.is_catalonia then population.population end), -1)

-- As for the population: municipalities add up to the TOTAL row of the same table, year, sex and age group.
with population as (

    select * from {{ ref('stg_population_by_age') }}

),

not_given as (

    select distinct
        population.year,
        population.sex,
        population.age_group
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
    population.age_group,
    sum(case when population.is_catalonia then population.population end) as total_of_the_table,
    sum(case when not population.is_catalonia then population.population end) as sum_of_municipalities
from population
left join not_given
    on
        population.year = not_given.year
        and population.sex = not_given.sex
        and population.age_group = not_given.age_group
where not_given.year is null
group by population.year, population.sex, population.age_group
having
    coalesce(sum(case when population.is_catalonia then population.population end), -1)
    <> coalesce(sum(case when not population.is_catalonia then population.population end), -1)

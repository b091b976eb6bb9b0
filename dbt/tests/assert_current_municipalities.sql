-- The list is complete. The law changes its length by one or two at a time: then var expected_municipalities changes too.
-- A test that fails keeps what stands on its models from being built, so this one waits until the facts are there, whose
-- own tests name the municipality that is missing.
-- depends_on: {{ ref('fact_population_monthly') }}
select
    count(*) as municipalities,
    count(distinct comarca_id) as comarques
from {{ ref('dim_municipalities') }}
where is_current
having
    count(*) <> {{ var('expected_municipalities') }}
    or count(distinct comarca_id) <> {{ var('expected_comarques') }}

-- Where services that came and went are known: today's are yesterday's, and those that came, less those that went.
with days as (

    select
        service_date,
        sum(registered_services) as services,
        sum(new_services) as came,
        sum(closed_services) as went
    from {{ ref('fact_service_usage_daily') }}
    group by service_date

),

pairs as (

    select
        days.*,
        lag(services) over (order by service_date) as services_before
    from days

)

select *
from pairs
where
    came is not null
    and services <> services_before + came - went

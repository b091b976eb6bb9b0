-- Every date of a fact lies in the calendar.
with dates as (

    select
        'fact_population_monthly' as model,
        min(month_start_date) as first_date,
        max(month_start_date) as last_date
    from {{ ref('fact_population_monthly') }}

    union all

    select
        'fact_gdp_quarterly' as model,
        min(quarter_start_date) as first_date,
        max(quarter_start_date) as last_date
    from {{ ref('fact_gdp_quarterly') }}

    union all

    select
        'fact_service_usage_daily' as model,
        min(service_date) as first_date,
        max(service_date) as last_date
    from {{ ref('fact_service_usage_daily') }}

),

calendar as (

    select
        min(date_day) as first_date,
        max(date_day) as last_date
    from {{ ref('dim_time') }}

)

select dates.*
from dates
cross join calendar
where
    dates.first_date < calendar.first_date
    or dates.last_date > calendar.last_date

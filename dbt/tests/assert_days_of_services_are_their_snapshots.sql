-- On an observed day the services add up to the register ids of that day's snapshot (the last one, when there are two).
with snapshots as (

    select
        service_date,
        source_snapshot_id,
        count(distinct social_service_register_id) as register_ids
    from {{ ref('int_services_by_snapshot') }}
    where is_added
    group by service_date, source_snapshot_id

),

latest as (

    select
        service_date,
        max(source_snapshot_id) as source_snapshot_id
    from snapshots
    group by service_date

),

days as (

    select
        service_date,
        sum(registered_services) as registered_services
    from {{ ref('fact_service_usage_daily') }}
    where is_observed
    group by service_date

)

select
    snapshots.service_date,
    snapshots.source_snapshot_id,
    snapshots.register_ids,
    days.registered_services
from snapshots
inner join latest
    on
        snapshots.service_date = latest.service_date
        and snapshots.source_snapshot_id = latest.source_snapshot_id
left join days
    on snapshots.service_date = days.service_date
where snapshots.register_ids <> coalesce(days.registered_services, 0)

-- The places of the aggregate are those of the register's snapshot: no service is counted twice, none is lost.
with register as (

    select
        count(*) as services,
        sum(capacity) as places
    from {{ ref('int_services_by_snapshot') }}
    where
        source_snapshot_id = '{{ snapshot_of("social_services") }}'
        and service_type_id in ('DAY-001', 'RES-001', 'RES-002', 'RES-003', 'TUT-001')
        and (capacity > 0 or capacity is null)

),

aggregate_table as (

    select
        sum(registered_services) as services,
        sum(known_capacity) as places
    from {{ ref('social_services_by_service_municipal') }}

)

select
    register.services as services_of_the_register,
    aggregate_table.services as services_of_the_aggregate,
    register.places as places_of_the_register,
    aggregate_table.places as places_of_the_aggregate
from register
cross join aggregate_table
where
    register.services <> aggregate_table.services
    or register.places <> aggregate_table.places

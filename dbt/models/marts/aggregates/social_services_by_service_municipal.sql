with services as (

    select *
    from {{ ref('int_services_by_snapshot') }}
    where
        source_snapshot_id = '{{ snapshot_of("social_services") }}'
        and service_type_id in ('DAY-001', 'RES-001', 'RES-002', 'RES-003', 'TUT-001')
        -- 0 means that capacity does not apply; a capacity that is not known is kept and counted
        and (capacity > 0 or capacity is null)

),

municipalities as (

    select * from {{ ref('dim_municipalities') }}
    where is_current

),

comarques as (

    select * from {{ ref('comarques') }}

),

located as (

    select
        services.service_qualification_id,
        services.service_qualification_name,
        services.service_type_id,
        services.service_type_name,
        coalesce(municipalities.comarca_id, services.register_comarca_id) as comarca_id,
        services.municipality_id,
        municipalities.municipality_name,
        cast(extract(year from services.inscription_date) as integer) as inscription_year,
        cast(extract(month from services.inscription_date) as integer) as inscription_month,
        services.capacity,
        services.source_system,
        services.data_origin
    from services
    left join municipalities
        on services.municipality_id = municipalities.municipality_id

),

grouped as (

    select
        service_qualification_id,
        max(service_qualification_name) as service_qualification_name,
        service_type_id,
        max(service_type_name) as service_type_name,
        comarca_id,
        municipality_id,
        max(municipality_name) as municipality_name,
        inscription_year,
        inscription_month,
        cast(count(*) as integer) as registered_services,
        cast(count(case when capacity is null then 1 end) as integer) as services_without_capacity,
        cast(coalesce(sum(capacity), 0) as integer) as known_capacity,
        {{ weakest_system('source_system') }} as source_system,
        {{ weakest_origin('data_origin') }} as data_origin
    from located
    group by
        service_qualification_id,
        service_type_id,
        comarca_id,
        municipality_id,
        inscription_year,
        inscription_month

),

described as (

    select
        {{ surrogate_key([
            'service_qualification_id', 'service_type_id', 'grouped.comarca_id', 'municipality_id', 'inscription_year', 'inscription_month',
        ]) }} as social_services_by_service_municipal_key,
        grouped.service_qualification_id,
        grouped.service_qualification_name,
        grouped.service_type_id,
        grouped.service_type_name,
        grouped.comarca_id,
        comarques.comarca_name,
        grouped.municipality_id,
        grouped.municipality_name,
        grouped.inscription_year,
        grouped.inscription_month,
        grouped.registered_services,
        case when grouped.services_without_capacity = 0 then grouped.known_capacity end as total_capacity,
        grouped.known_capacity,
        grouped.services_without_capacity,
        cast('{{ snapshot_of("social_services") }}' as varchar) as source_snapshot_id,
        grouped.source_system,
        grouped.data_origin
    from grouped
    left join comarques
        on grouped.comarca_id = comarques.comarca_id

)

select * from described

with recorded as (

    select
        service_type_id,
        service_type_name,
        service_type_name_folded as name_folded
    from {{ ref('service_types') }}

),

catalogue as (

    select * from {{ ref('stg_service_types') }}

),

joined as (

    select
        {{ name_id('recorded.service_type_id', 'catalogue.service_type_name_folded') }} as service_type_id,
        coalesce(catalogue.service_type_name, recorded.service_type_name) as service_type_name,
        coalesce(substr(recorded.service_type_id, 1, 3), 'NEW') as service_family_code,
        coalesce(recorded.service_type_id in ('DAY-001', 'RES-001', 'RES-002', 'RES-003', 'TUT-001'), false) as is_for_the_elderly,
        recorded.service_type_id is not null as is_known_type,
        catalogue.service_type_name is not null as is_in_use,
        coalesce(catalogue.source_system, 'llac') as source_system,
        coalesce(catalogue.data_origin, 'recorded') as data_origin
    from recorded
    full outer join catalogue
        on recorded.name_folded = catalogue.service_type_name_folded

)

select * from joined

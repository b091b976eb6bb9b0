with recorded as (

    select
        service_qualification_id,
        service_qualification_name,
        service_qualification_name_folded as name_folded
    from {{ ref('service_qualifications') }}

),

catalogue as (

    select * from {{ ref('stg_service_qualifications') }}

),

joined as (

    select
        {{ name_id('recorded.service_qualification_id', 'catalogue.service_qualification_name_folded') }} as service_qualification_id,
        coalesce(catalogue.service_qualification_name, recorded.service_qualification_name) as service_qualification_name,
        recorded.service_qualification_id is not null as is_known_qualification,
        catalogue.service_qualification_name is not null as is_in_use,
        coalesce(catalogue.source_system, 'llac') as source_system,
        coalesce(catalogue.data_origin, 'recorded') as data_origin
    from recorded
    full outer join catalogue
        on recorded.name_folded = catalogue.service_qualification_name_folded

)

select * from joined

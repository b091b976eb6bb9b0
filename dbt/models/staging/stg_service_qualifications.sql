with source as (

    select * from {{ source('staging', 'service_qualifications') }}

),

renamed as (

    select
        -- names
        service_qualification_name,
        {{ folded('service_qualification_name') }} as service_qualification_name_folded,

        -- lineage
        source_system,
        data_origin,
        ingested_process_at as source_snapshot_id,
        correlation_id as source_run_id,
        source_page,
        source_row

    from source

)

select * from renamed

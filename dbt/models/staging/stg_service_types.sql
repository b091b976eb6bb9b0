with source as (

    select * from {{ source('staging', 'service_types') }}

),

renamed as (

    select
        -- names
        service_type_name,
        {{ folded('service_type_name') }} as service_type_name_folded,

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

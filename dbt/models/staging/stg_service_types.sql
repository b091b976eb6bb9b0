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
        row_hash as source_row_hash

    from source

)

select * from renamed

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
        row_hash as source_row_hash

    from source

)

select * from renamed

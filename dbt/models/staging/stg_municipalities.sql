with source as (

    select * from {{ source('staging', 'municipalities') }}

),

renamed as (

    select
        -- ids
        municipality_id,
        comarca_id,

        -- names
        municipality_name,
        municipality_name_natural,
        municipality_name_folded,
        comarca_name,

        -- dates
        {{ slot_date('ingested_process_at') }} as snapshot_date,

        -- lineage
        source_system,
        data_origin,
        ingested_process_at as source_snapshot_id,
        correlation_id as source_run_id,
        source_page,
        source_row

    from source

    -- the source's own codes for "not stated" and "others" are no municipalities
    where municipality_id not in ('999998', '999999')

)

select * from renamed

with source as (

    select * from {{ source('staging', 'service_qualifications') }}

),

renamed as (

    select
        -- names
        service_qualification_name,
        service_qualification_name_folded,

        -- lineage
        source_system,
        data_origin,
        ingested_process_at as source_snapshot_id,
        correlation_id as source_run_id,
        source_page,
        source_row,

        -- numbers
        row_number() over (
            partition by service_qualification_name_folded
            order by length(service_qualification_name), service_qualification_name
        ) as spelling_number

    from source

),

-- of two spellings that folding makes equal, one stands for both
of_one_spelling as (

    select
        service_qualification_name,
        service_qualification_name_folded,
        source_system,
        data_origin,
        source_snapshot_id,
        source_run_id,
        source_page,
        source_row
    from renamed
    where spelling_number = 1

)

select * from of_one_spelling

with source as (

    select * from {{ source('staging', 'housing') }}

),

renamed as (

    select
        -- ids
        municipality_id,
        comarca_id,

        -- names
        municipality_name,
        comarca_name,

        -- numbers
        cast(year as integer) as year,
        {%- for quarter in [1, 2, 3, 4] %}
        cast(dwellings_started_q{{ quarter }} as integer) as dwellings_started_q{{ quarter }},
        cast(dwellings_completed_q{{ quarter }} as integer) as dwellings_completed_q{{ quarter }},
        {%- endfor %}

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

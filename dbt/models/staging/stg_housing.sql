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
        row_hash as source_row_hash

    from source

)

select * from renamed

with source as (

    select * from {{ source('staging', 'population') }}

),

renamed as (

    select
        -- ids
        territory_id,
        municipality_id,

        -- names
        territory_name,
        sex,
        source_status,

        -- numbers
        cast(year as integer) as year,
        cast(population as integer) as population,

        -- booleans
        coalesce(territory_id = 'TOTAL', false) as is_catalonia,

        -- dates
        {{ year_start('year') }} as reference_date,

        -- lineage
        source_system,
        data_origin,
        ingested_process_at as source_snapshot_id,
        row_hash as source_row_hash

    from source

)

select * from renamed

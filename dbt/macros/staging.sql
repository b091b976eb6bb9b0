{#- The columns that all tables of the quarterly GDP have. -#}
{% macro staged_gdp(dataset) -%}
with source as (

    select * from {{ source('staging', dataset) }}

),

renamed as (

    select
        -- ids
        quarter_code,
        sector_code,
        geography_code,
        metric_code,

        -- names
        sector_name,
        sector_name_folded,
        source_status,

        -- numbers
        cast(amount as decimal(14, 1)) as amount,
        cast(substr(quarter_code, 1, 4) as integer) as year,
        cast(substr(quarter_code, length(quarter_code), 1) as integer) as quarter,

        -- dates
        try_cast(substr(source_updated_at, 1, 10) as date) as source_updated_date,

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
{%- endmacro %}

{#- The columns that all tables of population have; more lists additional columns that identify a group. -#}
{% macro staged_population(dataset, more=[]) -%}
with source as (

    select * from {{ source('staging', dataset) }}

),

renamed as (

    select
        -- ids
        territory_id,
        municipality_id,

        -- names
        territory_name,
        sex,
        {%- for column in more %}
        {{ column }},
        {%- endfor %}
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
        correlation_id as source_run_id,
        source_page,
        source_row

    from source

)

select * from renamed
{%- endmacro %}

{#- The register of social services in one snapshot. The daily fact reads several snapshots. -#}
{% macro staged_social_services(relation, snapshot_id) -%}
with source as (

    select * from {{ relation }}

),

renamed as (

    select
        -- ids
        social_service_register_id,
        municipality_id,
        district_id,
        cast('{{ snapshot_id }}' as varchar) as source_snapshot_id,

        -- names
        service_type_name,
        service_type_name_folded,
        service_qualification_name,
        service_qualification_name_folded,
        municipality_name,
        comarca_name,
        comarca_name_folded,
        postal_code,
        municipality_match_method,

        -- numbers
        cast(capacity as integer) as capacity,
        cast(municipality_match_confidence as double) as municipality_match_confidence,

        -- dates
        inscription_date,
        {{ slot_date("'" ~ snapshot_id ~ "'") }} as service_date,

        -- lineage
        source_system,
        data_origin,
        correlation_id as source_run_id,
        source_page,
        source_row

    from source

)

select * from renamed
{%- endmacro %}

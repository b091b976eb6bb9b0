{{ config(materialized='table') }}

{#-
  The services in every snapshot of the register that this build reads: the current snapshot, the snapshots that the daily
  fact has not taken in yet, and the last one that it has, if that still exists.
-#}
{%- set current = snapshot_of('social_services') -%}
{%- set added = new_snapshots('fact_service_usage_daily', 'social_services') -%}
{%- set before = last_snapshot('fact_service_usage_daily') -%}
{%- set others = [] -%}
{%- for id in added + ([before] if before else []) -%}
{%- if id != current and id not in others -%}{%- do others.append(id) -%}{%- endif -%}
{%- endfor -%}
with services as (

    select * from {{ ref('stg_social_services') }}
    {% for id in others %}
    union all

    select * from ({{ staged_social_services(snapshot_relation('social_services', id), id) }}) as snapshot_{{ id | lower }}
    {% endfor %}
),

types as (

    select
        service_type_id,
        service_type_name_folded as name_folded
    from {{ ref('service_types') }}

),

qualifications as (

    select
        service_qualification_id,
        service_qualification_name_folded as name_folded
    from {{ ref('service_qualifications') }}

),

comarca_names as (

    select
        comarca_id,
        comarca_name_folded as name_folded
    from {{ ref('comarques') }}

    union all

    select
        comarca_id,
        comarca_name_alias_folded as name_folded
    from {{ ref('comarques') }}
    where comarca_name_alias is not null

),

identified as (

    select
        services.source_snapshot_id,
        services.service_date,
        services.social_service_register_id,
        services.municipality_id,
        services.municipality_name,
        services.municipality_match_method,
        services.municipality_match_confidence,
        comarca_names.comarca_id as register_comarca_id,
        services.comarca_name as register_comarca_name,
        services.district_id,
        {{ name_id('types.service_type_id', 'services.service_type_name_folded') }} as service_type_id,
        services.service_type_name,
        case
            when services.service_qualification_name is not null
                then {{ name_id('qualifications.service_qualification_id', 'services.service_qualification_name_folded') }}
        end as service_qualification_id,
        services.service_qualification_name,
        services.inscription_date,
        services.capacity,
        services.source_system,
        services.data_origin,
        services.source_snapshot_id in ({{ "'" ~ added | join("', '") ~ "'" }}) as is_added
    from services
    left join types
        on services.service_type_name_folded = types.name_folded
    left join qualifications
        on services.service_qualification_name_folded = qualifications.name_folded
    left join comarca_names
        on services.comarca_name_folded = comarca_names.name_folded

)

select * from identified

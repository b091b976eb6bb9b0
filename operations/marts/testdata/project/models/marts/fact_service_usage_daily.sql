{{ config(materialized='incremental', unique_key='service_date') }}

{% set snapshots = var('accumulated')['fact_service_usage_daily']['new'] %}
{% for snapshot in snapshots %}
select
    '{{ snapshot }}' as service_date,
    town_id,
    cast(count(*) as bigint) as services,
    cast(sum(places) as bigint) as places,
    min(source_system) as source_system,
    min(data_origin) as data_origin
from {{ source('staging', 'social_services').database }}.{{ var('staging_schema') }}.social_services__{{ snapshot | lower }}
group by town_id
{{ 'union all' if not loop.last }}
{% else %}
select * from {{ this }} where false
{% endfor %}

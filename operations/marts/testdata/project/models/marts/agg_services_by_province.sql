select
    substr(facts.town_id, 1, 2) as province_id,
    facts.service_date,
    cast(sum(facts.services) as bigint) as services,
    min(facts.source_system) as source_system,
    min(facts.data_origin) as data_origin
from {{ ref('fact_service_usage_daily') }} as facts
inner join {{ ref('dim_towns') }} as towns
    on facts.town_id = towns.town_id
group by 1, 2

{{ config(severity='warn') }}
-- The build goes on with an id made of the name; add the name to seeds/service_types.csv or seeds/service_qualifications.csv.
select
    'type' as what,
    service_type_name as unknown_name
from {{ ref('dim_service_types') }}
where not is_known_type

union all

select
    'qualification' as what,
    service_qualification_name as unknown_name
from {{ ref('dim_service_qualifications') }}
where not is_known_qualification

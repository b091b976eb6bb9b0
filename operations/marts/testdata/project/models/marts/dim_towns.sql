select
    town_id,
    town_name,
    source_system,
    data_origin
from {{ source('staging', 'towns') }}

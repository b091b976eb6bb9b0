select
    sector_id,
    sector_code,
    sector_name_ca,
    sector_name_en,
    parent_sector_id,
    sector_level,
    classification_version,
    is_aggregate,
    cast('llac' as varchar) as source_system,
    cast('recorded' as varchar) as data_origin
from {{ ref('economic_sectors') }}

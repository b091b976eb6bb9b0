-- Product, value added and services are the sums of their parts, up to the rounding of published figures.
select *
from {{ ref('int_gdp_identities') }}
where not coalesce(is_held, false)

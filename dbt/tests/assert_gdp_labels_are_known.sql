-- A label or a metric that is new would fall out of every sum: name it, and add it to seeds/economic_sector_labels.csv or
-- seeds/gdp_metrics.csv.
select distinct
    case when sector_id is null then 'sector' else 'metric' end as what,
    case when sector_id is null then sector_name else metric_code end as unknown_label,
    adjustment,
    price_basis
from {{ ref('int_gdp_series') }}
where
    sector_id is null
    or measure is null

{%- set tables = [
    ('stg_gdp_quarterly', 'seasonally_adjusted', 'current'),
    ('stg_gdp_quarterly_raw', 'raw', 'current'),
    ('stg_gdp_quarterly_volume', 'seasonally_adjusted', 'chain_volume'),
] -%}
with series as (
    {% for table, adjustment, price_basis in tables %}
    select
        year,
        quarter,
        sector_code,
        sector_name,
        sector_name_folded,
        metric_code,
        cast('{{ adjustment }}' as varchar) as adjustment,
        cast('{{ price_basis }}' as varchar) as price_basis,
        -- each of the three tables is of Idescat's 2024 revision; the closed 2019 one is another table
        cast('2024' as varchar) as base_revision,
        amount,
        source_status,
        source_updated_date,
        source_snapshot_id,
        source_run_id,
        source_page,
        source_row,
        source_system,
        data_origin
    from {{ ref(table) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

labels as (

    select
        sector_id,
        source_label_folded as label_folded
    from {{ ref('economic_sector_labels') }}

),

metrics as (

    select * from {{ ref('gdp_metrics') }}

),

identified as (

    select
        {{ quarter_start('series.year', 'series.quarter') }} as quarter_start_date,
        series.year * 4 + series.quarter - 1 as quarter_number,
        series.sector_code,
        series.sector_name,
        labels.sector_id,
        series.metric_code,
        metrics.measure,
        series.adjustment,
        series.price_basis,
        series.base_revision,
        series.amount,
        series.source_status,
        series.source_updated_date,
        series.source_snapshot_id,
        series.source_run_id,
        series.source_page,
        series.source_row,
        series.source_system,
        series.data_origin
    from series
    left join labels
        on series.sector_name_folded = labels.label_folded
    left join metrics
        on series.metric_code = metrics.metric_code

)

select * from identified

with levels as (

    select * from {{ ref('int_gdp_series') }}
    -- growth rates are computed here; a metric that is not known stays, for a test to name
    where measure is null or measure = 'level'

),

-- by the quarter's number and not by the row before: a gap in a series must give no rate
compared as (

    select
        levels.*,
        quarter_before.amount as amount_a_quarter_before,
        year_before.amount as amount_a_year_before
    from levels
    left join levels as quarter_before
        on
            levels.sector_code = quarter_before.sector_code
            and levels.metric_code = quarter_before.metric_code
            and levels.adjustment = quarter_before.adjustment
            and levels.price_basis = quarter_before.price_basis
            and levels.base_revision = quarter_before.base_revision
            and levels.quarter_number - 1 = quarter_before.quarter_number
    left join levels as year_before
        on
            levels.sector_code = year_before.sector_code
            and levels.metric_code = year_before.metric_code
            and levels.adjustment = year_before.adjustment
            and levels.price_basis = year_before.price_basis
            and levels.base_revision = year_before.base_revision
            and levels.quarter_number - 4 = year_before.quarter_number

),

measured as (

    select
        {{ surrogate_key(['quarter_start_date', 'sector_id', 'adjustment', 'price_basis', 'base_revision']) }} as gdp_quarterly_key,
        quarter_start_date,
        sector_id,
        sector_name as source_sector_name,
        cast('09' as varchar) as geography_id,
        adjustment,
        price_basis,
        base_revision,
        case when price_basis = 'current' then amount end as gdp_meur,
        case when price_basis = 'chain_volume' then amount end as volume_index,
        {{ change_pct('amount_a_year_before', 'amount') }} as yoy_change_pct,
        case
            when adjustment = 'seasonally_adjusted' then {{ change_pct('amount_a_quarter_before', 'amount') }}
        end as qoq_change_pct,
        source_status,
        source_updated_date,
        source_snapshot_id,
        source_run_id,
        source_page,
        source_row,
        source_system,
        data_origin
    from compared

)

select * from measured

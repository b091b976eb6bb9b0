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
    {%- for before, distance in [('quarter_before', 1), ('year_before', 4)] %}
    left join levels as {{ before }}
        on
            levels.sector_code = {{ before }}.sector_code
            and levels.metric_code = {{ before }}.metric_code
            and levels.adjustment = {{ before }}.adjustment
            and levels.price_basis = {{ before }}.price_basis
            and levels.base_revision = {{ before }}.base_revision
            and levels.quarter_number - {{ distance }} = {{ before }}.quarter_number
    {%- endfor %}

),

measured as (

    select
        {{ surrogate_key(['quarter_start_date', 'sector_id', 'adjustment', 'price_basis', 'base_revision']) }} as gdp_quarterly_key,
        quarter_start_date,
        sector_id,
        sector_name as source_sector_name,
        '09' as geography_id,
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
        source_row_hash,
        source_system,
        data_origin
    from compared

)

select * from measured

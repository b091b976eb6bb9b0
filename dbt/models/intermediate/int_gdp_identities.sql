{#- What must add up, with the difference that rounding to whole millions may leave. -#}
{%- set identities = [
    ('gross value added = agriculture + industry + construction + services', 'pibt-gva',
        ['pibt-agriculture', 'pibt-industry', 'pibt-construction', 'pibt-services'], 4),
    ('services = their three branches', 'pibt-services',
        ['pibt-trade-transport-hospitality', 'pibt-real-estate-professional', 'pibt-public-social'], 2),
    ('gross domestic product = gross value added + net taxes on products', 'pibt-gdp', ['pibt-gva', 'pibt-taxes'], 1),
] -%}
with current_prices as (

    select * from {{ ref('fact_gdp_quarterly') }}
    -- chained volumes do not add up, by their nature
    where price_basis = 'current'

),

checked as (
    {% for identity, whole, parts, tolerance in identities %}
    select
        quarter_start_date,
        adjustment,
        base_revision,
        cast('{{ identity }}' as varchar) as identity,
        max(case when sector_id = '{{ whole }}' then gdp_meur end) as whole_meur,
        {#- a part that is missing makes the sum null, and the identity cannot be judged #}
        {% for part in parts -%}
        max(case when sector_id = '{{ part }}' then gdp_meur end){{ ' + ' if not loop.last }}
        {%- endfor %} as parts_meur,
        cast({{ tolerance }} as decimal(14, 1)) as tolerance_meur
    from current_prices
    group by quarter_start_date, adjustment, base_revision
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    quarter_start_date,
    adjustment,
    base_revision,
    identity,
    whole_meur,
    parts_meur,
    cast(whole_meur - parts_meur as decimal(14, 1)) as difference_meur,
    tolerance_meur,
    abs(whole_meur - parts_meur) <= tolerance_meur as is_held
from checked

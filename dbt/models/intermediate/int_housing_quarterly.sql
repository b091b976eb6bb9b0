with housing as (

    select * from {{ ref('stg_housing') }}

),

quarters as (
    {% for quarter in [1, 2, 3, 4] %}
    select
        municipality_id,
        year,
        {{ quarter }} as quarter,
        {{ quarter_start('year', quarter) }} as quarter_start_date,
        dwellings_started_q{{ quarter }} as dwellings_started,
        dwellings_completed_q{{ quarter }} as dwellings_completed,
        source_system,
        data_origin
    from housing
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from quarters

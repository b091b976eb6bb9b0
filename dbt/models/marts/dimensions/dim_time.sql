with numbers as (

    select * from {{ ref('int_numbers') }}

),

days as (

    select
        cast({{ add_days("date '" ~ var('calendar_start_date') ~ "'", 'number') }} as date) as date_day
    from numbers
    where
        number <= date_diff('day', date '{{ var("calendar_start_date") }}', date '{{ calendar_end_date() }}')

),

-- the calendar repeats every seven days: 1900-01-01 was a Monday
weekdays as (

    select
        date_day,
        cast(mod(date_diff('day', date '1900-01-01', date_day), 7) + 1 as integer) as day_of_week
    from days

),

-- a week belongs to the year in which its Thursday lies
thursdays as (

    select
        date_day,
        day_of_week,
        cast({{ add_days('date_day', '4 - day_of_week') }} as date) as thursday
    from weekdays

),

described as (

    select
        date_day,
        cast(extract(year from date_day) as integer) as year,
        cast(extract(quarter from date_day) as integer) as quarter,
        cast(extract(year from date_day) as varchar) || '-Q' || cast(extract(quarter from date_day) as varchar) as quarter_label,
        cast(date_trunc('quarter', date_day) as date) as quarter_start_date,
        cast(extract(month from date_day) as integer) as month,
        cast(date_trunc('month', date_day) as date) as month_start_date,
        case cast(extract(month from date_day) as integer)
            {%- for name in [
                'gener', 'febrer', 'març', 'abril', 'maig', 'juny', 'juliol', 'agost', 'setembre', 'octubre', 'novembre', 'desembre'
            ] %}
            when {{ loop.index }} then cast('{{ name }}' as varchar)
            {%- endfor %}
        end as month_name_ca,
        case cast(extract(month from date_day) as integer)
            {%- for name in [
                'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November',
                'December'
            ] %}
            when {{ loop.index }} then cast('{{ name }}' as varchar)
            {%- endfor %}
        end as month_name_en,
        cast({{ divide_whole('extract(doy from thursday) - 1', 7) }} + 1 as integer) as iso_week,
        cast(extract(year from thursday) as integer) as iso_year,
        day_of_week,
        day_of_week >= 6 as is_weekend,
        extract(day from {{ add_days('date_day', 1) }}) = 1 as is_month_end,
        extract(day from {{ add_days('date_day', 1) }}) = 1 and extract(month from date_day) in (3, 6, 9, 12) as is_quarter_end,
        extract(month from date_day) * 100 + extract(day from date_day) in (
            101, 106, 501, 624, 815, 911, 1012, 1101, 1206, 1208, 1225, 1226
        ) as is_fixed_holiday,
        cast('llac' as varchar) as source_system,
        cast('generated' as varchar) as data_origin
    from thursdays

)

select * from described

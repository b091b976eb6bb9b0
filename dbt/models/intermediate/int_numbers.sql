-- 0 to 99,999, by arithmetic: engines limit the sequences that they make
with digits as (

    {% for digit in range(10) -%}
    select {{ digit }} as digit{{ ' union all' if not loop.last }}
    {% endfor %}
)

select cast(ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit + 10000 * myriads.digit as integer) as number
from digits as ones
cross join digits as tens
cross join digits as hundreds
cross join digits as thousands
cross join digits as myriads

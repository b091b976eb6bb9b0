{{ staged_gdp('gdp_quarterly_raw') }}

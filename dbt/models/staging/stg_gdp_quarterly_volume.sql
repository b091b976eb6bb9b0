{{ staged_gdp('gdp_quarterly_volume') }}

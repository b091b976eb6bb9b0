{{ staged_gdp('gdp_quarterly') }}

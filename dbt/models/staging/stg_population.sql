{{ staged_population('population') }}

{{ staged_population('population_by_age', ['age_group']) }}

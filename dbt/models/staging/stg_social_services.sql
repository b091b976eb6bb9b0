{{ staged_social_services(source('staging', 'social_services'), snapshot_of('social_services')) }}

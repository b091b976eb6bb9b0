{#-
  The published build's rows of a mart, or none when there are none: then the model starts its history. The caller says
  what to select when there is no such relation.
-#}
{% macro published(model) -%}
{%- if model in var('published_models', []) -%}
{{ return(api.Relation.create(database=target.database, schema=var('published_schema', 'published'), identifier=model)) }}
{%- endif -%}
{{ return(none) }}
{%- endmacro %}

{#- Id of the snapshot of a dataset that this build reads. -#}
{% macro snapshot_of(dataset) -%}
{{ return(var('snapshots', {}).get(dataset, 'none')) }}
{%- endmacro %}

{#- Another snapshot of the register of social services, beside the one that this build reads. -#}
{% macro service_snapshot(id) -%}
{%- set current = source('staging', 'social_services') -%}
{{ return(api.Relation.create(database=current.database, schema=current.schema, identifier='social_services__' ~ id | lower)) }}
{%- endmacro %}

{#- Snapshots of the register that the daily fact has not yet, ascending. -#}
{% macro new_service_snapshots() -%}
{%- set given = var('service_snapshots', none) -%}
{{ return([snapshot_of('social_services')] if given is none else given | sort) }}
{%- endmacro %}

{#-
  The relation with the published rows of a mart, or none if the mart is not published: then the model starts its history.
  The caller selects something else in that case.
-#}
{% macro published(model) -%}
{%- if model in var('published_models', []) -%}
{{ return(api.Relation.create(database=target.database, schema=var('published_schema', 'published'), identifier=model)) }}
{%- endif -%}
{{ return(none) }}
{%- endmacro %}

{#- The id of the snapshot of a dataset that this build reads. -#}
{% macro snapshot_of(dataset) -%}
{{ return(var('snapshots', {}).get(dataset, 'none')) }}
{%- endmacro %}

{#- Any snapshot of a dataset that the build has in its staging schema, not only the one that source() reads. -#}
{% macro snapshot_relation(dataset, id) -%}
{%- set current = source('staging', dataset) -%}
{{ return(api.Relation.create(database=current.database, schema=current.schema, identifier=dataset ~ '__' ~ id | lower)) }}
{%- endmacro %}

{#-
  Ids of the snapshots that a model with `accumulates: <dataset>` in its meta has not taken in yet, ascending. Without the
  variable, as when the project is run by hand: the current snapshot.
-#}
{% macro new_snapshots(model, dataset) -%}
{%- set progress = var('accumulated', {}).get(model) -%}
{{ return([snapshot_of(dataset)] if progress is none else progress['new'] | sort) }}
{%- endmacro %}

{#- Id of the last snapshot that such a model has taken in, or none when its relation no longer exists. -#}
{% macro last_snapshot(model) -%}
{{ return(var('accumulated', {}).get(model, {}).get('last')) }}
{%- endmacro %}

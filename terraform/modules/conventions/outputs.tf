output "prefix" {
  description = "Prefix of every name: llac-<env>."
  value       = local.prefix
}

output "parameters" {
  description = "Path of the environment's SSM parameters, without a trailing slash."
  value       = "/llac/${var.env}"
}

output "metric_namespace" {
  description = "CloudWatch namespace of the metrics (telemetry.Namespace), one per environment: CloudWatch would add them up."
  value       = "Llac/${var.env}"
}

output "services" {
  description = "Size, limits and event flow of each service, by name (services.json)."
  value       = local.services
}

output "producers" {
  description = "Names of those that have a topic: the services and the operator."
  value       = keys(local.flow)
}

output "flow" {
  description = "Event types that each service and the operator consumes and emits, by name."
  value       = { for name, f in local.flow : name => { consumes = f.consumes, emits = f.emits, direct = f.direct } }
}

output "subscriptions" {
  description = "Event types that a subscription's filter accepts, by consumer and producer."
  value       = local.subscriptions
}

output "max_receives" {
  description = "Attempts before a service sends a message to its dead-letter queue."
  value       = local.max_receives
}

output "databases" {
  description = "Glue databases by layer. Athena allows no hyphen in an unquoted name, so their names use underscores."
  value       = { for layer in ["staging", "marts"] : layer => "llac_${replace(var.env, "-", "_")}_${layer}" }
}

output "tags" {
  description = "Tags of every resource; the bill is split by them."
  value       = { project = "llac", environment = var.env, managed_by = "terraform" }
}

output "prefix" {
  description = "What every name begins with: llac-<env>."
  value       = local.prefix
}

output "parameters" {
  description = "Path of the environment's SSM parameters, without a slash at its end."
  value       = "/llac/${var.env}"
}

output "metric_namespace" {
  description = "CloudWatch namespace of what the services measure (telemetry.Namespace): one an environment, or dev and prod would add up."
  value       = "Llac/${var.env}"
}

output "services" {
  description = "Size and limits of each service, by name."
  value       = local.services
}

output "speakers" {
  description = "Who has a topic: the services, and the operator."
  value       = [for f in local.flow : f.service]
}

output "flow" {
  description = "What each speaker consumes and emits, by name."
  value       = { for f in local.flow : f.service => { consumes = f.consumes, emits = f.emits, direct = f.direct } }
}

output "subscriptions" {
  description = "By consumer, by producer: the event types that pass the filter."
  value       = local.subscriptions
}

output "max_receives" {
  description = "Tries before a service gives an event up."
  value       = local.max_receives
}

output "databases" {
  description = "Glue databases by layer. Athena takes no hyphen in an unquoted name, so that they alone are written with underscores."
  value       = { for layer in ["staging", "marts"] : layer => "llac_${replace(var.env, "-", "_")}_${layer}" }
}

output "tags" {
  description = "Tags of every resource, by which the bill is told apart."
  value       = { project = "llac", environment = var.env, managed_by = "terraform" }
}

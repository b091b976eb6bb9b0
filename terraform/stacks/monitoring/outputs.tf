output "dashboards" {
  description = "Names of the dashboards."
  value       = { for k, d in aws_cloudwatch_dashboard.this : k => d.dashboard_name }
}

output "notices" {
  description = "The events that become notices, by who says them."
  value       = local.told
}

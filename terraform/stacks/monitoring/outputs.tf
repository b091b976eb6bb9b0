output "dashboards" {
  description = "Names of the dashboards."
  value       = { for k, d in aws_cloudwatch_dashboard.this : k => d.dashboard_name }
}

output "notices" {
  description = "Event types that become notices, by producer."
  value       = local.notices
}

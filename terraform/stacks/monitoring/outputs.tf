output "dashboards" {
  description = "Names of the dashboards."
  value       = { for k, d in aws_cloudwatch_dashboard.this : k => d.dashboard_name }
}

output "notices" {
  description = "What people are told of, by who says it."
  value       = local.told
}

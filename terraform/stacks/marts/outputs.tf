output "connection" {
  description = "Name of the EventBridge connection that needs GitHub's token; null without a repository."
  value       = one(aws_cloudwatch_event_connection.github[*].name)
}

output "filter" {
  description = "Event types that trigger a build."
  value       = local.published
}

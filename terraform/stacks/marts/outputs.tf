output "connection" {
  description = "Name of the EventBridge connection that wants GitHub's token; null where no repository is named."
  value       = one(aws_cloudwatch_event_connection.github[*].name)
}

output "filter" {
  description = "Event types that ask for a build."
  value       = local.published
}

output "topics" {
  description = "ARNs of the topics, by producer."
  value       = { for name, topic in aws_sns_topic.producer : name => topic.arn }
}

output "alarm_topic" {
  description = "ARN of the alarms' topic."
  value       = aws_sns_topic.alarms.arn
}

output "inputs" {
  description = "What the clock sends, with EventBridge's word for the time in it."
  value       = local.inputs
}

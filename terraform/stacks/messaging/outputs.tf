output "topics" {
  description = "ARNs of the topics, by producer."
  value       = { for name, topic in aws_sns_topic.producer : name => topic.arn }
}

output "alarm_topic" {
  description = "ARN of the alarms' topic."
  value       = aws_sns_topic.alarms.arn
}

output "inputs" {
  description = "Inputs of the schedules, with EventBridge's placeholder for the time."
  value       = local.inputs
}

output "topics" {
  description = "ARNs of the topics, by who speaks."
  value       = { for who, topic in aws_sns_topic.speaker : who => topic.arn }
}

output "alarm_topic" {
  description = "ARN of the alarms' topic."
  value       = aws_sns_topic.alarms.arn
}

output "inputs" {
  description = "What the clock sends, with EventBridge's word for the time in it."
  value       = local.inputs
}

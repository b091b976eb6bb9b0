output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "version" {
  description = "Version of the function that the alias points to."
  value       = aws_lambda_function.this.version
}

output "queue_url" {
  description = "URL of the service's queue."
  value       = aws_sqs_queue.this.url
}

output "role_arn" {
  description = "ARN of the service's role."
  value       = aws_iam_role.this.arn
}

output "record" {
  description = "What is recorded about the deploy, by SSM parameter."
  value       = { for k, p in aws_ssm_parameter.record : p.name => nonsensitive(p.value) }
}

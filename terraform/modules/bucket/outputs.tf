output "name" {
  description = "Name of the bucket, known once it is there."
  value       = aws_s3_bucket.this.id
}

output "arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
}

output "rules" {
  description = "The lifecycle as it was asked for, for tests and for the page on retention."
  value       = var.rules
}

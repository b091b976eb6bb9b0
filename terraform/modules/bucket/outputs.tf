output "name" {
  description = "Name of the bucket, known after it exists and keeps versions: replication can start no earlier."
  value       = aws_s3_bucket.this.id
  depends_on  = [aws_s3_bucket_versioning.this]
}

output "arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
  depends_on  = [aws_s3_bucket_versioning.this]
}

output "rules" {
  description = "The lifecycle as configured, for tests and for the documentation of retention."
  value       = var.rules
}

output "accelerated" {
  description = "The bucket's name where transfer acceleration is on, or an empty list."
  value       = aws_s3_bucket_accelerate_configuration.this[*].bucket
}

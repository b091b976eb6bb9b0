output "name" {
  description = "Name of the bucket, known once it is there and keeps versions: a replica may be named no earlier."
  value       = aws_s3_bucket.this.id
  depends_on  = [aws_s3_bucket_versioning.this]
}

output "arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
  depends_on  = [aws_s3_bucket_versioning.this]
}

output "rules" {
  description = "The lifecycle as it was asked for, for tests and for the page on retention."
  value       = var.rules
}

output "accelerated" {
  description = "The bucket's name where uploads may take the edge locations' way; else nothing."
  value       = aws_s3_bucket_accelerate_configuration.this[*].bucket
}

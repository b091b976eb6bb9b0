output "roles" {
  description = "ARNs of the environment's roles, without those of the services."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}

output "policies" {
  description = "ARNs of the policies that roles share."
  value       = { for name, p in aws_iam_policy.shared : name => p.arn }
}

output "roles" {
  description = "ARNs of the roles that this environment has, beside the services'."
  value       = { for who, role in aws_iam_role.this : who => role.arn }
}

output "policies" {
  description = "ARNs of the policies that roles share."
  value       = { for name, p in aws_iam_policy.shared : name => p.arn }
}

output "buckets" {
  description = "Names of the buckets, by thing."
  value       = { data = module.data.name, athena-results = module.athena_results.name, config = module.config.name }
}

output "workgroup" {
  description = "Athena workgroup of the environment."
  value       = aws_athena_workgroup.this.name
}

output "replicated" {
  description = "Prefixes that are copied to the other region."
  value       = local.replicated
}

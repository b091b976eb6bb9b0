output "state_bucket" {
  description = "Bucket of the states of all roots."
  value       = module.state.name
}

output "artifacts_bucket" {
  description = "Bucket of the packages."
  value       = module.artifacts.name
}

output "github_provider_arn" {
  description = "GitHub's OpenID Connect provider; null where another project created it."
  value       = one(aws_iam_openid_connect_provider.github[*].arn)
}

output "deployment" {
  description = "Function, version, and what is recorded about the deploy."
  value       = module.deployment
}

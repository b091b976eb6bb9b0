output "deployment" {
  description = "Function, version, and what is recorded of the deploy."
  value       = module.deployment
}

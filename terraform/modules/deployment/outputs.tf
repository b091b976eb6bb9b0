output "function_name" {
  description = "Name of the function."
  value       = module.service.function_name
}

output "version" {
  description = "Version of the function that the alias points to."
  value       = module.service.version
}

output "record" {
  description = "What is recorded about the deploy, by SSM parameter."
  value       = module.service.record
}

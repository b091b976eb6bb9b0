output "queue_url" {
  description = "URL of the service's queue."
  value       = module.validator.queue_url
}

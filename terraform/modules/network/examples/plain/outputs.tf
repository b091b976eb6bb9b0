output "address" {
  description = "The outbound address that the portals see."
  value       = module.network.address
}

output "address" {
  description = "The address from which the portals are asked."
  value       = module.network.address
}

output "subnet_ids" {
  description = "Private subnets, for the functions."
  value       = [for s in aws_subnet.private : s.id]
}

output "security_group_id" {
  description = "Security group of the functions: outbound TLS, no inbound traffic."
  value       = aws_security_group.functions.id
}

output "address" {
  description = "The outbound address that the portals see."
  value       = aws_eip.nat.public_ip
}

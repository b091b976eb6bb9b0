output "subnet_ids" {
  description = "Private subnets, for the functions."
  value       = [for s in aws_subnet.private : s.id]
}

output "security_group_id" {
  description = "Group of the functions: TLS out, nothing in."
  value       = aws_security_group.functions.id
}

output "address" {
  description = "The address from which the portals are asked."
  value       = aws_eip.nat.public_ip
}

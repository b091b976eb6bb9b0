variable "name" {
  description = "What the names begin with: llac-<env>."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC."
  type        = string
}

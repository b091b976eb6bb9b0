variable "name" {
  description = "Prefix of the names: llac-<env>."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC."
  type        = string
}

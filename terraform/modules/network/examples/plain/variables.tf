variable "cidr" {
  description = "Addresses of the VPC."
  type        = string
  default     = "10.40.0.0/24"
}

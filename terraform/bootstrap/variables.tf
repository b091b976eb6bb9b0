variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-west-1"
}

variable "local" {
  description = "True for an apply to moto."
  type        = bool
  default     = false
}

variable "github" {
  description = "Whether GitHub Actions may take roles of this account, by OpenID Connect. An account has one provider for it: false where another project has made it."
  type        = bool
  default     = true
}

variable "cost_allocation_tags" {
  description = "Whether the tags project, environment and service tell the bill apart. AWS takes them only when it has seen them on a resource for a day: set it at the second apply."
  type        = bool
  default     = false
}

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
  description = "Whether to create GitHub's OpenID Connect provider. An account has one: false where another project created it."
  type        = bool
  default     = true
}

variable "cost_allocation_tags" {
  description = "Whether to split the bill by tags. AWS accepts a tag after it has seen it for a day: set this at the second apply."
  type        = bool
  default     = false
}

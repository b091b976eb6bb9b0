variable "env" {
  description = "Name of the environment."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-west-1"
}

variable "local" {
  description = "True for an apply to moto: omits the few resources that moto does not support."
  type        = bool
  default     = false
}

variable "github_repository" {
  description = "Repository whose workflows may take roles, such as llac-project/llac; null: none."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.github_repository))
    error_message = "Name the repository as owner/name, without a wildcard."
  }
}

variable "github_branch" {
  description = "Branch whose workflows may plan. Which branch may deploy is a rule of the GitHub environment."
  type        = string
  default     = "main"

  validation {
    condition     = !strcontains(var.github_branch, "*")
    error_message = "Name one branch, without a wildcard."
  }
}

variable "operator_principals" {
  description = "ARNs of the roles or users that may take the operator's role, with a second factor."
  type        = list(string)
  default     = []
}

variable "archive_principals" {
  description = "ARNs of the roles or users that may read raw pages of landing, archive and quarantine, with a second factor."
  type        = list(string)
  default     = []
}

variable "reader_account_ids" {
  description = "Other AWS accounts that may read what is published. Give stacks/storage the same."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.reader_account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "Use account ids of twelve digits."
  }
}

variable "reader_external_id" {
  description = "External id that other accounts must give to take the reader's role; it prevents the confused-deputy problem."
  type        = string
  default     = null
}

variable "vpc" {
  description = "Whether the functions run in a VPC with a NAT gateway. It costs about $35 per month and $0.05 per gigabyte (docs/adr)."
  type        = bool
  default     = false
}

variable "vpc_cidr" {
  description = "Address block of the VPC, if there is one."
  type        = string
  default     = "10.40.0.0/24"

  validation {
    condition     = can(cidrsubnet(var.vpc_cidr, 2, 3))
    error_message = "Use an address block such as 10.40.0.0/24, large enough for three subnets."
  }
}

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
  description = "True for an apply to moto: leaves out the few things that moto cannot do."
  type        = bool
  default     = false
}

variable "github_repository" {
  description = "Repository whose workflows may take roles, such as llac-project/llac; null: none may."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.github_repository))
    error_message = "A repository is named owner/name, without a wildcard."
  }
}

variable "github_branch" {
  description = "Branch whose workflows may plan. The branch that may deploy is a rule of the GitHub environment, which the role is bound to."
  type        = string
  default     = "main"

  validation {
    condition     = !strcontains(var.github_branch, "*")
    error_message = "One branch, without a wildcard."
  }
}

variable "operator_principals" {
  description = "ARNs of the people's roles or users who may take the operator's role; with a second factor."
  type        = list(string)
  default     = []
}

variable "archive_principals" {
  description = "ARNs of who may read raw pages from landing, archive and quarantine: on the record, with a second factor."
  type        = list(string)
  default     = []
}

variable "reader_account_ids" {
  description = "Other AWS accounts whose people may read what is published. stacks/storage is told the same."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.reader_account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "An account's id has twelve digits."
  }
}

variable "reader_external_id" {
  description = "Word that another account must name when it takes the reader's role, so that nobody is made to take it for a stranger."
  type        = string
  default     = null
}

variable "vpc" {
  description = "Whether the functions run in a VPC with a NAT gateway. Off: they reach AWS and the portals over TLS all the same. On, it costs about $35 a month and $0.05 a gigabyte (docs/adr)."
  type        = bool
  default     = false
}

variable "vpc_cidr" {
  description = "Addresses of the VPC, where there is one."
  type        = string
  default     = "10.40.0.0/24"

  validation {
    condition     = can(cidrsubnet(var.vpc_cidr, 2, 3))
    error_message = "A block of addresses such as 10.40.0.0/24, large enough for three subnets."
  }
}

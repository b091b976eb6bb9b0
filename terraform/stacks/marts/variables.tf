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
  description = "Repository whose workflow builds the marts, such as llac-project/llac; null: nothing is made here."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.github_repository))
    error_message = "A repository is named owner/name."
  }
}

variable "settle_seconds" {
  description = "How long a publication waits for others before it asks for a build."
  type        = number
  default     = 300

  validation {
    condition     = var.settle_seconds >= 0 && var.settle_seconds <= 900
    error_message = "SQS delays a message by 900 seconds at the most."
  }
}

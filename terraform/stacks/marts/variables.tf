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
  description = "Repository whose workflow builds the marts, such as llac-project/llac; null: this stack creates nothing."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.github_repository))
    error_message = "Name the repository as owner/name."
  }
}

variable "settle_seconds" {
  description = "Seconds that a publication waits for others before it triggers a build."
  type        = number
  default     = 300

  validation {
    condition     = var.settle_seconds >= 0 && var.settle_seconds <= 900
    error_message = "Use 0 to 900 seconds: SQS does not delay a message longer."
  }
}

# Code generated from modules/deployment/variables.tf by go generate ./test/terraform; DO NOT EDIT.

variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-west-1"
}

variable "service" {
  description = "Name of the service: a key of services.json."
  type        = string
}

variable "env" {
  description = "Name of the environment."
  type        = string
}

variable "artifact_key" {
  description = "Key of the package in the artifacts bucket; null: derived from its digest."
  type        = string
  default     = null
}

variable "artifact_sha256" {
  description = "SHA-256 digest of the package, in lower-case hex."
  type        = string
}

variable "artifact_version" {
  description = "Name of the build in the package."
  type        = string
  default     = "unversioned"
}

variable "event_types" {
  description = "Event types of the build; null: those of this source tree. A rollback gives those of the earlier build."
  type = object({
    consumes = list(string)
    emits    = list(string)
    build    = optional(string, "")
  })
  default = null
}

variable "sizes" {
  description = "Sizes that override services.json, by service."
  type = map(object({
    memory              = optional(number)
    timeout             = optional(number)
    ephemeral_storage   = optional(number)
    maximum_concurrency = optional(number)
  }))
  default = {}
}

variable "reserved_concurrency" {
  description = "Reserved concurrency by service; others reserve none."
  type        = map(number)
  default     = {}
}

variable "account_concurrency" {
  description = "The account's quota of concurrent executions; required where concurrency is reserved."
  type        = number
  default     = null
}

variable "log_level" {
  description = "Lowest level of log lines: debug, info, warn or error. prod does not accept debug."
  type        = string
  default     = "info"

  validation {
    condition     = var.log_level != "debug" || var.env != "prod"
    error_message = "Use info, warn or error in prod: debug lines cost money and have no reader there."
  }
}

variable "log_retention_days" {
  description = "Retention of log lines, in days."
  type        = number
  default     = 30
}

variable "oldest_message_alarm_minutes" {
  description = "Age of the oldest waiting message, in minutes, from which the service counts as degraded."
  type        = number
  default     = 60
}

variable "local" {
  description = "True for an apply to moto."
  type        = bool
  default     = false
}

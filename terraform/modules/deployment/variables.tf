variable "service" {
  description = "Name of the service: a key of services.json."
  type        = string

  validation {
    condition     = contains(keys(module.conventions.services), var.service)
    error_message = "Unknown service. The services are the keys of terraform/services.json, which go generate ./operations/services writes."
  }
}

variable "env" {
  description = "Name of the environment."
  type        = string
}

variable "artifact_key" {
  description = "Key of the package in the artifacts bucket; null: where its digest puts it."
  type        = string
  default     = null
}

variable "artifact_sha256" {
  description = "Digest of the package, in lower-case hex."
  type        = string
}

variable "artifact_version" {
  description = "Name of the build in the package."
  type        = string
  default     = "unversioned"
}

variable "event_types" {
  description = "What the build speaks; null: what this tree's events.Flow says. An earlier package is deployed with what it spoke then."
  type = object({
    consumes = list(string)
    emits    = list(string)
    build    = optional(string, "")
  })
  default = null
}

variable "sizes" {
  description = "Sizes that differ from modules/conventions, by service."
  type = map(object({
    memory              = optional(number)
    timeout             = optional(number)
    ephemeral_storage   = optional(number)
    maximum_concurrency = optional(number)
  }))
  default = {}
}

variable "reserved_concurrency" {
  description = "Reserved concurrency by service; a service that is not in it reserves none."
  type        = map(number)
  default     = {}
}

variable "account_concurrency" {
  description = "The account's quota of concurrent executions; to be stated where concurrency is reserved."
  type        = number
  default     = null
}

variable "log_level" {
  description = "debug, info, warn or error. debug is for dev."
  type        = string
  default     = "info"

  validation {
    condition     = var.log_level != "debug" || var.env != "prod"
    error_message = "prod logs no debug lines: they cost, and nobody reads them."
  }
}

variable "log_retention_days" {
  description = "Days that log lines are kept."
  type        = number
  default     = 30
}

variable "oldest_message_alarm_minutes" {
  description = "Age of the oldest waiting message at which the service counts as degraded."
  type        = number
  default     = 60
}

variable "local" {
  description = "True for an apply to moto."
  type        = bool
  default     = false
}

variable "name" {
  description = "Name of the service, such as stager."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z-]{1,30}$", var.name))
    error_message = "The name of a service has 2 to 31 characters of a-z and -."
  }
}

variable "env" {
  description = "Name of the environment."
  type        = string
}

variable "artifact_bucket" {
  description = "Bucket of the packages, which bootstrap creates."
  type        = string
}

variable "artifact_key" {
  description = "Key of the package. It contains the package's digest, so that each package has a key of its own."
  type        = string

  validation {
    condition     = can(regex("^functions/[a-z-]+/[0-9a-f]{64}\\.zip$", var.artifact_key))
    error_message = "The key is functions/<service>/<sha256>.zip; make package SERVICE=… and llac deploy upload store the package."
  }
}

variable "artifact_sha256" {
  description = "SHA-256 digest of the package, in lower-case hex."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.artifact_sha256))
    error_message = "A digest has 64 characters of 0-9 and a-f. make package SERVICE=… prints it."
  }
}

variable "artifact_version" {
  description = "Name of the build in the package."
  type        = string
  default     = "unversioned"
}

variable "event_types" {
  description = "Event types of the build, recorded for the checks of other services' deploys; null: unknown."
  type = object({
    consumes = list(string)
    emits    = list(string)
    build    = optional(string, "")
  })
  default = null
}

variable "memory" {
  description = "Memory of the function in MiB. Lambda gives processor time in proportion: 1769 MiB is one processor."
  type        = number

  validation {
    condition     = var.memory >= 128 && var.memory <= 10240 && floor(var.memory) == var.memory
    error_message = "Lambda accepts 128 to 10240 MiB."
  }
}

variable "timeout" {
  description = "Timeout for one batch, in seconds."
  type        = number

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 900
    error_message = "Lambda accepts 1 to 900 seconds."
  }
}

variable "visibility_timeout" {
  description = "Visibility timeout of the queue, in seconds; null: six times the function's timeout, as AWS advises."
  type        = number
  default     = null

  validation {
    condition     = try(var.visibility_timeout >= 6 * var.timeout, true) && coalesce(var.visibility_timeout, 6 * var.timeout) <= 43200
    error_message = "Use at least six times the timeout, or a message may return while it is processed, and at most 12 hours."
  }
}

variable "ephemeral_storage" {
  description = "Size of /tmp in MiB."
  type        = number
  default     = 512

  validation {
    condition     = var.ephemeral_storage >= 512 && var.ephemeral_storage <= 10240
    error_message = "Lambda accepts 512 to 10240 MiB."
  }
}

variable "batch_size" {
  description = "Maximum number of messages per invocation: 1 for heavy stages, so that no message waits for another; 10 for small ones."
  type        = number
  default     = 1

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 10
    error_message = "Use 1 to 10: the runtime changes the visibility of at most 10 messages in one call to SQS."
  }
}

variable "maximum_concurrency" {
  description = "Maximum number of concurrent invocations. It limits the service without reserving the account's concurrency."
  type        = number
  default     = 2

  validation {
    condition     = var.maximum_concurrency >= 2 && var.maximum_concurrency <= 1000
    error_message = "Lambda accepts 2 to 1000 for a mapping."
  }
}

variable "reserved_concurrency" {
  description = "Concurrency reserved for this function; null: none. A new account can reserve none; see account_concurrency."
  type        = number
  default     = null
}

variable "account_concurrency" {
  description = "The account's quota of concurrent executions (Service Quotas, L-B99A9384); required where concurrency is reserved."
  type        = number
  default     = null
}

variable "max_receives" {
  description = "Attempts before the service sends a message to its dead-letter queue. SQS itself moves it ten receives later."
  type        = number
  default     = 5

  validation {
    condition     = var.max_receives >= 1 && var.max_receives <= 990
    error_message = "Use 1 to 990: SQS accepts a maxReceiveCount of at most 1000, which is ten more."
  }
}

variable "allow_recursion" {
  description = "Whether the function may invoke itself through its topic and queue more than 16 times, as a long extraction does."
  type        = bool
  default     = false
}

variable "topic_arn" {
  description = "Topic of the service's events. stacks/messaging creates all topics: services consume each other's events in a circle."
  type        = string
}

variable "alarm_topic_arn" {
  description = "Topic of the alarms."
  type        = string
}

variable "subscriptions" {
  description = "Event types that the queue accepts of each producer's topic, by producer."
  type        = map(list(string))

  validation {
    condition     = length(var.subscriptions) > 0 && alltrue([for t in values(var.subscriptions) : length(t) > 0])
    error_message = "A subscription without event types receives no message, and a service without subscriptions never runs."
  }
}

variable "environment" {
  description = "Environment variables of the function, besides those that this module sets (main.tf)."
  type        = map(string)

  validation {
    condition     = alltrue([for k in ["LLAC_DATA_BUCKET", "LLAC_CONFIG_BUCKET"] : contains(keys(var.environment), k)])
    error_message = "Set LLAC_DATA_BUCKET and LLAC_CONFIG_BUCKET: a service does not start without them."
  }

  validation {
    condition     = !contains(keys(var.environment), "LLAC_ALLOW_SIMULATED")
    error_message = "LLAC_ALLOW_SIMULATED is not allowed: simulated data is never published in the cloud (invariant 11)."
  }
}

variable "statements" {
  description = "Statements of the role's policy, as a JSON list."
  type        = string

  validation {
    condition     = alltrue([for s in jsondecode(var.statements) : alltrue([for a in flatten([s.Action]) : !strcontains(a, "*")])])
    error_message = "Name each action: wildcards are not allowed."
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the role; null: none."
  type        = string
  default     = null
}

variable "architecture_name" {
  description = "The role's name in the architecture, set as a tag."
  type        = string
  default     = ""
}

variable "kms_key_arn" {
  description = "Customer key that encrypts the function's environment and the buckets; null: AWS's own keys, which are free."
  type        = string
  default     = null
}

variable "log_level" {
  description = "Lowest level of log lines: debug, info, warn or error."
  type        = string
  default     = "info"

  validation {
    condition     = contains(["debug", "info", "warn", "error"], var.log_level)
    error_message = "Use debug, info, warn or error."
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

variable "vpc" {
  description = "Subnets and security groups of the function; null: no VPC."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}

variable "local" {
  description = "True for an apply to moto: omits the redrive allow policy, which moto ignores."
  type        = bool
  default     = false
}

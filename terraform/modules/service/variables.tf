variable "name" {
  description = "Name of the service, as in events.Flow: stager."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z-]{1,30}$", var.name))
    error_message = "A service is named by 2 to 31 of a-z and -."
  }
}

variable "env" {
  description = "Name of the environment."
  type        = string
}

variable "artifact_bucket" {
  description = "Bucket of the packages, which bootstrap makes."
  type        = string
}

variable "artifact_key" {
  description = "Key of the package. It bears the package's digest, so that another package is another key."
  type        = string

  validation {
    condition     = can(regex("^functions/[a-z-]+/[0-9a-f]{64}\\.zip$", var.artifact_key))
    error_message = "A package lies at functions/<service>/<sha256>.zip; make package SERVICE=… and llac deploy upload put it there."
  }
}

variable "artifact_sha256" {
  description = "Digest of the package, in lower-case hex."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.artifact_sha256))
    error_message = "A digest is 64 of 0-9 and a-f; make package SERVICE=… prints it."
  }
}

variable "artifact_version" {
  description = "Name of the build in the package, recorded for people."
  type        = string
  default     = "unversioned"
}

variable "event_types" {
  description = "What the build speaks, recorded for the checks of its neighbours' deploys; null: what this tree's events.Flow says."
  type = object({
    consumes = list(string)
    emits    = list(string)
    build    = optional(string, "")
  })
  default = null
}

variable "memory" {
  description = "Memory of the function in MiB. Lambda gives processor time by it: 1769 is one."
  type        = number

  validation {
    condition     = var.memory >= 128 && var.memory <= 10240 && floor(var.memory) == var.memory
    error_message = "Lambda takes 128 to 10240 MiB."
  }
}

variable "timeout" {
  description = "Seconds for one batch."
  type        = number

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 900
    error_message = "Lambda takes 1 to 900 seconds."
  }
}

variable "visibility_timeout" {
  description = "Seconds for which a received message is hidden; null: six times the timeout, as AWS advises for queues of functions."
  type        = number
  default     = null

  validation {
    condition     = coalesce(var.visibility_timeout, 6 * var.timeout) >= 6 * var.timeout && coalesce(var.visibility_timeout, 6 * var.timeout) <= 43200
    error_message = "The visibility is at least six times the timeout, else a message comes back while it is worked on, and at most 12 hours."
  }
}

variable "ephemeral_storage" {
  description = "MiB of /tmp."
  type        = number
  default     = 512

  validation {
    condition     = var.ephemeral_storage >= 512 && var.ephemeral_storage <= 10240
    error_message = "Lambda takes 512 to 10240 MiB."
  }
}

variable "batch_size" {
  description = "Messages a call: 1 for the heavy stages, so that no message waits for another; 10 where each is small."
  type        = number
  default     = 1

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 10
    error_message = "The runtime puts back at most 10 messages in one call to SQS."
  }
}

variable "maximum_concurrency" {
  description = "Batches at once. It holds the service back without the account's reserved concurrency."
  type        = number
  default     = 2

  validation {
    condition     = var.maximum_concurrency >= 2 && var.maximum_concurrency <= 1000
    error_message = "Lambda takes 2 to 1000 for a mapping."
  }
}

variable "reserved_concurrency" {
  description = "Share of the account's concurrency kept for this function; null: none. A new account has 10 in all and may reserve nothing; see account_concurrency."
  type        = number
  default     = null
}

variable "account_concurrency" {
  description = "The account's quota of concurrent executions (Service Quotas, L-B99A9384). To be stated where concurrency is reserved."
  type        = number
  default     = null
}

variable "max_receives" {
  description = "Tries before the service gives an event up with a reason. SQS itself moves a message two receives later."
  type        = number
  default     = 5

  validation {
    condition     = var.max_receives >= 1 && var.max_receives <= 998
    error_message = "SQS takes a maxReceiveCount of at most 1000, which is two more."
  }
}

variable "allow_recursion" {
  description = "Whether the function may call itself by way of its topic and queue more than 16 times: the fetcher hands a long extraction on to itself."
  type        = bool
  default     = false
}

variable "topic_arn" {
  description = "Topic on which the service speaks. stacks/messaging makes all topics, since services hear each other in a circle."
  type        = string
}

variable "alarm_topic_arn" {
  description = "Topic of the alarms."
  type        = string
}

variable "subscriptions" {
  description = "By producer, the event types that the queue hears of its topic."
  type        = map(list(string))

  validation {
    condition     = length(var.subscriptions) > 0 && alltrue([for t in values(var.subscriptions) : length(t) > 0])
    error_message = "A subscription without types hears nothing, and a service without subscriptions never runs."
  }
}

variable "environment" {
  description = "Variables of the function beside those that this module sets (LLAC_ENV, the queues and the topic, LLAC_MAX_RECEIVES, LLAC_LOG_LEVEL)."
  type        = map(string)

  validation {
    condition     = alltrue([for k in ["LLAC_DATA_BUCKET", "LLAC_CONFIG_BUCKET"] : contains(keys(var.environment), k)])
    error_message = "A service does not start without LLAC_DATA_BUCKET and LLAC_CONFIG_BUCKET."
  }

  validation {
    condition     = !contains(keys(var.environment), "LLAC_ALLOW_SIMULATED")
    error_message = "Simulated data is never published in the cloud (invariant 11)."
  }
}

variable "statements" {
  description = "Statements of the role's policy: objects of Sid, Effect, Action, Resource and perhaps Condition, as a JSON list in text."
  type        = string

  validation {
    condition     = alltrue([for s in jsondecode(var.statements) : alltrue([for a in flatten([s.Action]) : !strcontains(a, "*")])])
    error_message = "Actions are named one by one."
  }
}

variable "permissions_boundary_arn" {
  description = "Most that the role may ever do, whoever writes its policy; null: unbounded."
  type        = string
  default     = null
}

variable "architecture_name" {
  description = "What the architecture calls the role; a tag of it."
  type        = string
  default     = ""
}

variable "kms_key_arn" {
  description = "Customer key that encrypts the function's environment and the buckets; null: AWS's own keys, which cost nothing."
  type        = string
  default     = null
}

variable "log_level" {
  description = "debug, info, warn or error."
  type        = string
  default     = "info"

  validation {
    condition     = contains(["debug", "info", "warn", "error"], var.log_level)
    error_message = "The services know debug, info, warn and error."
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

variable "vpc" {
  description = "Subnets and security groups of the function; null: outside of any VPC."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}

variable "local" {
  description = "True for an apply to moto: leaves out the redrive allow policy, which the provider would wait for in vain there."
  type        = bool
  default     = false
}

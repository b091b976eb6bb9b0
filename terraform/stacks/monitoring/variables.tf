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

variable "budget_alerts" {
  description = "Dollars a month at which the budget tells. The last is its limit."
  type        = list(number)
  default     = [15, 25, 30]

  validation {
    condition     = length(var.budget_alerts) > 0 && alltrue([for i, a in var.budget_alerts : i == 0 || a > var.budget_alerts[max(i - 1, 0)]])
    error_message = "At least one amount, rising."
  }
}

variable "budget_of_tag" {
  description = "Whether the budget counts only what bears the environment's tag. Needs bootstrap's cost_allocation_tags; without, it counts the whole account."
  type        = bool
  default     = false
}

variable "heartbeat_minutes" {
  description = "Minutes without a tick of the scheduler after which the heartbeat alarm tells."
  type        = number
  default     = 45

  validation {
    condition     = var.heartbeat_minutes >= 30 && var.heartbeat_minutes % 15 == 0
    error_message = "A multiple of the tick's 15 minutes, and at least two of them."
  }
}

variable "portal_availability" {
  description = "Share of good answers of the portals within an hour below which they count as unavailable."
  type        = number
  default     = 0.8

  validation {
    condition     = var.portal_availability > 0 && var.portal_availability < 1
    error_message = "A share between 0 and 1."
  }
}

variable "quarantine_share" {
  description = "Share of rows set aside within an hour above which somebody is told. The gate decides by the contract's own rules; this looks across datasets."
  type        = number
  default     = 0.05

  validation {
    condition     = var.quarantine_share > 0 && var.quarantine_share < 1
    error_message = "A share between 0 and 1."
  }
}

variable "trace_share" {
  description = "Share of requests that X-Ray keeps, beyond one a second, of what asks X-Ray's rules. Lambda decides by itself (one a second and five in a hundred), as far as its documentation says."
  type        = number
  default     = 1
}

variable "dashboards" {
  description = "Which dashboards there are. An account's first three, of at most 50 metrics each, cost nothing; each further one $3 a month."
  type        = set(string)
  default     = ["operational"]

  validation {
    condition     = length(setsubtract(var.dashboards, ["operational", "business"])) == 0
    error_message = "There are an operational and a business dashboard."
  }
}

variable "notices" {
  description = "Whether people are told when the runs of a dataset begin to end badly, with run, reason and next command, and when they are well again. It is a queue and an EventBridge Pipe, about $0.25 a month of polling."
  type        = bool
  default     = true
}

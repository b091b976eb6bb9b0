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

variable "budget_alerts" {
  description = "Amounts per month, in dollars, at which the budget notifies. The last is its limit."
  type        = list(number)
  default     = [15, 25, 30]

  validation {
    condition = length(var.budget_alerts) > 0 && alltrue([
      for i, a in var.budget_alerts : i == 0 || a > var.budget_alerts[max(i - 1, 0)]
    ])
    error_message = "Give at least one amount, in ascending order."
  }
}

variable "budget_of_tag" {
  description = "Whether the budget counts only the environment's resources; needs cost_allocation_tags of bootstrap."
  type        = bool
  default     = false
}

variable "heartbeat_minutes" {
  description = "Minutes without a tick of the scheduler after which the heartbeat alarm notifies."
  type        = number
  default     = 45

  validation {
    condition     = var.heartbeat_minutes >= 30 && var.heartbeat_minutes % 15 == 0
    error_message = "Use a multiple of 15 minutes, the interval of the ticks, and at least 30."
  }
}

variable "portal_availability" {
  description = "Share of good responses of the portals within an hour below which they count as unavailable."
  type        = number
  default     = 0.8

  validation {
    condition     = var.portal_availability > 0 && var.portal_availability < 1
    error_message = "Use a share between 0 and 1."
  }
}

variable "quarantine_share" {
  description = "Share of quarantined rows within an hour, over all datasets, above which an alarm notifies."
  type        = number
  default     = 0.05

  validation {
    condition     = var.quarantine_share > 0 && var.quarantine_share < 1
    error_message = "Use a share between 0 and 1."
  }
}

variable "trace_share" {
  description = "Share of requests, beyond one per second, that X-Ray's rule keeps. Lambda samples by a rule of its own."
  type        = number
  default     = 1
}

variable "dashboards" {
  description = "Dashboards to create. An account's first three, of at most 50 metrics each, are free; others cost $3 per month."
  type        = set(string)
  default     = ["operational"]

  validation {
    condition     = length(setsubtract(var.dashboards, ["operational", "business"])) == 0
    error_message = "Use operational, business, or both."
  }
}

variable "notices" {
  description = "Whether to report incidents of datasets: a queue and an EventBridge Pipe, about $0.25 per month of polling."
  type        = bool
  default     = true
}

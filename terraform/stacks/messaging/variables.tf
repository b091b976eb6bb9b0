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

variable "schedules" {
  description = "Whether the clock ticks. False stops every scheduled run of the environment; requests by people still go through."
  type        = bool
  default     = true
}

variable "tick" {
  description = "How often the scheduler looks for what is due."
  type        = string
  default     = "rate(15 minutes)"

  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.tick))
    error_message = "EventBridge takes rate(15 minutes) or cron(…)."
  }
}

variable "sweep" {
  description = "How often the landing-janitor sweeps."
  type        = string
  default     = "rate(1 day)"

  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.sweep))
    error_message = "EventBridge takes rate(1 day) or cron(…)."
  }
}

variable "alarm_emails" {
  description = "Addresses that alarms and notices go to. Each gets a letter of AWS and must confirm."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for a in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", a))])
    error_message = "An address looks like data-team@example.org."
  }
}

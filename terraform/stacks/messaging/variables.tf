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

variable "schedules" {
  description = "Whether the schedules are on. false stops every scheduled run; requests by people are still served."
  type        = bool
  default     = true
}

variable "tick" {
  description = "How often the scheduler starts what is due."
  type        = string
  default     = "rate(15 minutes)"

  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.tick))
    error_message = "Use rate(15 minutes) or cron(…), as EventBridge defines them."
  }
}

variable "sweep" {
  description = "How often the landing-janitor sweeps."
  type        = string
  default     = "rate(1 day)"

  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.sweep))
    error_message = "Use rate(1 day) or cron(…), as EventBridge defines them."
  }
}

variable "alarm_emails" {
  description = "Mail addresses for alarms and notices. AWS sends each a mail that must be confirmed."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for a in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", a))])
    error_message = "Use addresses such as data-team@example.org."
  }
}

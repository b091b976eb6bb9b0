variable "env" {
  description = "Name of the environment, which is part of every name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.env))
    error_message = "Use at most 20 characters of a-z, 0-9 and -, starting with a letter, such as dev or prod."
  }
}

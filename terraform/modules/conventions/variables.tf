variable "env" {
  description = "Name of the environment. It is part of every name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.env))
    error_message = "An environment is named by at most 20 of a-z, 0-9 and -, beginning with a letter, such as dev or prod."
  }
}

variable "name" {
  description = "Name of the bucket, globally unique: llac-<env>-<thing>-<account id>."
  type        = string

  validation {
    condition     = can(regex("^llac-[a-z0-9-]+-[0-9]{12}$", var.name)) && length(var.name) <= 63
    error_message = "Name the bucket llac-<thing>-<account id>, at most 63 characters: names of buckets are globally unique."
  }
}

variable "kms_key_arn" {
  description = "Customer key that encrypts the objects; null: AES-256 with S3's own keys, which are free."
  type        = string
  default     = null
}

variable "policy_statements" {
  description = "Additional statements of the bucket policy, as a JSON list."
  type        = list(string)
  default     = []
}

variable "transfer_acceleration" {
  description = "Whether to turn on transfer acceleration. It is charged per gigabyte; functions of the same region do not profit."
  type        = bool
  default     = false
}

variable "abort_multipart_days" {
  description = "Days after which an incomplete multipart upload is aborted. A stage takes minutes."
  type        = number
  default     = 1

  validation {
    condition     = var.abort_multipart_days >= 1
    error_message = "S3 counts whole days, from 1."
  }
}

variable "rules" {
  description = <<-EOT
    Lifecycle by prefix. Days of current objects count from their creation, so that objects which must live until they are superseded may
    not expire here. Days of noncurrent versions count from when they were replaced or deleted.
  EOT
  type = list(object({
    prefix          = string           # ends in /; empty: the whole bucket
    standard_ia     = optional(number) # days until Standard-IA; objects under 128 KB stay
    expiration      = optional(number) # days until current objects are deleted
    noncurrent_days = optional(number) # days that a replaced or deleted version is kept; null: forever
  }))
  default = []

  validation {
    condition     = alltrue([for r in var.rules : r.prefix == "" || endswith(r.prefix, "/")])
    error_message = "A prefix ends in a slash: \"state\" would also match \"statement/\"."
  }

  validation {
    condition     = length(distinct([for r in var.rules : r.prefix])) == length(var.rules)
    error_message = "Write one rule per prefix, so that one place states the lifecycle of an object."
  }

  validation {
    condition     = alltrue([for r in var.rules : coalesce(r.standard_ia, 30) >= 30])
    error_message = "S3 moves objects to Standard-IA after at least 30 days."
  }
}

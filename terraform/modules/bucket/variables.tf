variable "name" {
  description = "Name of the bucket, unique in the world: llac-<env>-<thing>-<account id>."
  type        = string

  validation {
    condition     = can(regex("^llac-[a-z0-9-]+-[0-9]{12}$", var.name)) && length(var.name) <= 63
    error_message = "A bucket is named llac-<thing>-<account id> in at most 63 characters, since names of buckets are unique in the world."
  }
}

variable "kms_key_arn" {
  description = "Customer key that encrypts the objects; null: AES-256 by keys of S3's own, which cost nothing."
  type        = string
  default     = null
}

variable "policy_statements" {
  description = "Statements of the bucket policy beside those that every bucket has, as a list of JSON objects in text."
  type        = list(string)
  default     = []
}

variable "transfer_acceleration" {
  description = "Whether uploads may take the edge locations' way. It is paid by the gigabyte, and a Lambda function of the same region gains nothing by it."
  type        = bool
  default     = false
}

variable "abort_multipart_days" {
  description = "Days after which an upload that was never finished is thrown away. A stage takes minutes."
  type        = number
  default     = 1

  validation {
    condition     = var.abort_multipart_days >= 1
    error_message = "S3 counts in whole days, from 1."
  }
}

variable "rules" {
  description = <<-EOT
    Lifecycle by prefix. Days of current objects count from their creation, so that nothing that must live until it is superseded may expire here.
    Of noncurrent versions they count from when they were replaced or deleted.
  EOT
  type = list(object({
    prefix          = string           # ends in / ; empty: the whole bucket
    standard_ia     = optional(number) # days until Standard-IA; S3 leaves objects under 128 KB where they are
    expiration      = optional(number) # days until current objects are deleted
    noncurrent_days = optional(number) # days that a replaced or deleted version is kept; null: for good
  }))
  default = []

  validation {
    condition     = alltrue([for r in var.rules : r.prefix == "" || endswith(r.prefix, "/")])
    error_message = "A prefix ends in a slash; \"state\" would also be the beginning of \"statement/\"."
  }

  validation {
    condition     = length(distinct([for r in var.rules : r.prefix])) == length(var.rules)
    error_message = "One rule a prefix, so that it can be read in one place what becomes of an object."
  }

  validation {
    condition     = alltrue([for r in var.rules : coalesce(r.standard_ia, 30) >= 30])
    error_message = "S3 moves objects to Standard-IA after 30 days at the earliest."
  }
}

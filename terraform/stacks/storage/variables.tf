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

variable "kms" {
  description = "Whether the buckets are encrypted by a customer key (about $1 a month and a call an object) instead of AES-256 by S3's own keys. To be set before there is data: objects keep the key they were written with."
  type        = bool
  default     = false
}

variable "transfer_acceleration" {
  description = "Whether the data bucket takes uploads at edge locations. It is paid by the gigabyte, and functions of the same region gain nothing."
  type        = bool
  default     = false
}

variable "scan_limit_gib" {
  description = "Most that one Athena query may scan, in GiB. Athena takes $5 a TiB."
  type        = number
  default     = 1

  validation {
    condition     = var.scan_limit_gib >= 0.01 && var.scan_limit_gib <= 1024
    error_message = "Athena's least limit is 10 MB; more than a TiB is no limit."
  }
}

variable "replica_region" {
  description = "Region to which archive, evidence, published data and state are replicated; null: none. It about doubles what storage costs."
  type        = string
  default     = null
}

variable "contracts" {
  description = "Folder of the contracts, which say whose archives may be replicated; null: datasets/ of this tree. It is read only where there is a replica_region."
  type        = string
  default     = null
}

variable "reader_account_ids" {
  description = "Other AWS accounts whose llac-reader role may read what is published; none by default. The security stack makes the role."
  type        = set(string)
  default     = []
}

variable "break_glass" {
  description = "ARN patterns of principals that the layers' rules do not bind: whoever repairs by hand, on the record."
  type        = list(string)
  default     = []
}

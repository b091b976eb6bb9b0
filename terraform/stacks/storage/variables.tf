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

variable "kms" {
  description = "Whether a customer key encrypts the buckets (about $1 per month). Set it before there is data: objects keep their key."
  type        = bool
  default     = false
}

variable "transfer_acceleration" {
  description = "Whether to turn on transfer acceleration. It is charged per gigabyte; functions of the same region do not profit."
  type        = bool
  default     = false
}

variable "scan_limit_gib" {
  description = "Maximum that one Athena query may scan, in GiB. Athena charges $5 per TiB."
  type        = number
  default     = 1

  validation {
    condition     = var.scan_limit_gib >= 0.01 && var.scan_limit_gib <= 1024
    error_message = "Use 0.01 to 1024 GiB: Athena accepts at least 10 MB, and more than a TiB would not limit anything."
  }
}

variable "replica_region" {
  description = "Region of the replica; null: none. It about doubles the cost of storage."
  type        = string
  default     = null
}

variable "contracts" {
  description = "Folder of the contracts, which decide whose archives are replicated; null: datasets/ of this tree."
  type        = string
  default     = null
}

variable "reader_account_ids" {
  description = "Other AWS accounts that may read what is published. Give stacks/security the same, which creates the role."
  type        = set(string)
  default     = []
}

variable "break_glass" {
  description = "ARN patterns of principals that are exempt from the rules of the layers, for repairs by hand."
  type        = list(string)
  default     = []
}

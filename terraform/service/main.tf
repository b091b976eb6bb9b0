# The root of a service. It is applied once per service, each time with that service's state: terraform/tf <env> services/<service>, or
# make deploy.
# What the services differ by is in services.json and policies/<service>.json.

terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # init is given bucket, key (<env>/services/<service>.tfstate) and region.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region
  # moto has no host names for buckets.
  s3_use_path_style = var.local

  default_tags {
    tags = { project = "llac", environment = var.env, service = var.service, managed_by = "terraform" }
  }
}

module "deployment" {
  source = "../modules/deployment"

  service                      = var.service
  env                          = var.env
  artifact_key                 = var.artifact_key
  artifact_sha256              = var.artifact_sha256
  artifact_version             = var.artifact_version
  event_types                  = var.event_types
  sizes                        = var.sizes
  reserved_concurrency         = var.reserved_concurrency
  account_concurrency          = var.account_concurrency
  log_level                    = var.log_level
  log_retention_days           = var.log_retention_days
  oldest_message_alarm_minutes = var.oldest_message_alarm_minutes
  local                        = var.local
}

# A bucket whose replaced versions are kept for a month.

terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

data "aws_caller_identity" "current" {}

module "bucket" {
  source = "../.."
  name   = "llac-example-${var.thing}-${data.aws_caller_identity.current.account_id}"
  rules  = [{ prefix = "", noncurrent_days = 30 }]
}

# A service that consumes from one topic.

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
data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  topics  = "arn:aws:sns:${data.aws_region.current.name}:${local.account}:llac-example"
}

module "validator" {
  source = "../.."

  name            = "validator"
  env             = "example"
  artifact_bucket = "llac-artifacts-${local.account}"
  artifact_key    = "functions/validator/${var.artifact_sha256}.zip"
  artifact_sha256 = var.artifact_sha256
  memory          = 512
  timeout         = 300
  topic_arn       = "${local.topics}-validator"
  alarm_topic_arn = "${local.topics}-alarms"
  subscriptions   = { fetcher = ["cat.llac.landing.written.v1"] }

  environment = {
    LLAC_DATA_BUCKET   = "llac-example-data-${local.account}"
    LLAC_CONFIG_BUCKET = "llac-example-config-${local.account}"
  }

  statements = jsonencode([{
    Sid      = "ReadLanding"
    Effect   = "Allow"
    Action   = ["s3:GetObject"]
    Resource = ["arn:aws:s3:::llac-example-data-${local.account}/landing/*"]
  }])
}

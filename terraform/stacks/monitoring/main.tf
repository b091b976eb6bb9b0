provider "aws" {
  region = var.region
  # moto has no host names for buckets.
  s3_use_path_style = var.local

  default_tags {
    tags = module.conventions.tags
  }
}

module "conventions" {
  source = "../../modules/conventions"
  env    = var.env
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

data "aws_ssm_parameter" "alarm_topic" {
  name = "${module.conventions.parameters}/messaging/topic/alarms/arn"
}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  prefix    = module.conventions.prefix
  here      = { for s in ["pipes", "sns", "sqs"] : s => "arn:${local.partition}:${s}:${var.region}:${local.account}" }
  topic     = nonsensitive(data.aws_ssm_parameter.alarm_topic.value)
  services  = keys(module.conventions.services)
  ours      = module.conventions.metric_namespace
}

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

data "aws_ssm_parameter" "kms_key" {
  name = "${module.conventions.parameters}/storage/kms_key_arn"
}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  prefix    = module.conventions.prefix
  here      = { for s in ["sns", "sqs", "scheduler"] : s => "arn:${local.partition}:${s}:${var.region}:${local.account}" }
  key_arn   = nonsensitive(data.aws_ssm_parameter.kms_key.value) == "none" ? null : nonsensitive(data.aws_ssm_parameter.kms_key.value)
  insecure  = { Bool = { "aws:SecureTransport" = "false" } }
}

# One topic per producer. They are made here and not with their services: the services consume each other's events in a circle
# (scheduler, fetcher, …, quality-gate, scheduler), so that none could be deployed first.
resource "aws_sns_topic" "producer" {
  for_each = toset(module.conventions.producers)
  name     = "${local.prefix}-${each.value}"
  # AWS's own key for SNS is free and accepts every role of the account that may publish.
  kms_master_key_id = coalesce(local.key_arn, "alias/aws/sns")
}

resource "aws_sns_topic_policy" "producer" {
  for_each = aws_sns_topic.producer
  arn      = each.value.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "DenyInsecureTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = each.value.arn
        Condition = local.insecure
      },
      {
        # The policies of the roles decide who publishes; no other account may.
        Sid       = "ThisAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = ["sns:Publish", "sns:Subscribe", "sns:GetTopicAttributes", "sns:SetTopicAttributes", "sns:ListSubscriptionsByTopic"]
        Resource  = each.value.arn
      },
    ]
  })
}

moved {
  from = aws_sns_topic.speaker
  to   = aws_sns_topic.producer
}

moved {
  from = aws_sns_topic_policy.speaker
  to   = aws_sns_topic_policy.producer
}

# The topic of alarms and notices. CloudWatch cannot publish with AWS's own key for SNS, so that it is encrypted only with a customer key.
resource "aws_sns_topic" "alarms" {
  name              = "${local.prefix}-alarms"
  kms_master_key_id = local.key_arn
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "DenyInsecureTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms.arn
        Condition = local.insecure
      },
      {
        Sid       = "AlarmsHealthAndBudgets"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "events.amazonaws.com", "budgets.amazonaws.com"] }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms.arn
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
      {
        Sid       = "ThisAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = ["sns:Publish", "sns:Subscribe", "sns:GetTopicAttributes", "sns:SetTopicAttributes", "sns:ListSubscriptionsByTopic"]
        Resource  = aws_sns_topic.alarms.arn
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each  = var.alarm_emails
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_ssm_parameter" "topic" {
  for_each = merge({ for name, topic in aws_sns_topic.producer : name => topic.arn }, { alarms = aws_sns_topic.alarms.arn })

  name        = "${module.conventions.parameters}/messaging/topic/${each.key}/arn"
  description = "Written by stacks/messaging for the other roots."
  type        = "String"
  value       = each.value
}

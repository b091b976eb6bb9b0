# Notifies GitHub when datasets were published, so that a workflow builds the marts from them (.github/workflows/marts.yml):
#
#   the quality gate's topic -> queue -> EventBridge Pipe -> API destination -> repository_dispatch
#
# Without a repository this stack creates nothing, and the marts are built once per day by the workflow's schedule.

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
  count = local.wanted
  name  = "${module.conventions.parameters}/messaging/topic/alarms/arn"
}

locals {
  wanted    = var.github_repository == null ? 0 : 1
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  prefix    = module.conventions.prefix
  here      = { for s in ["pipes", "sns", "sqs"] : s => "arn:${local.partition}:${s}:${var.region}:${local.account}" }
  name      = "${local.prefix}-marts-trigger"

  # The event that a dataset was published, and its producer.
  emitted   = { for name, f in module.conventions.flow : name => [for t in f.emits : t if startswith(t, "cat.llac.staging.published.")] }
  producer  = one([for name, types in local.emitted : name if length(types) > 0])
  published = local.emitted[local.producer]
  topic     = "${local.here.sns}:${local.prefix}-${local.producer}"

  deny_insecure = { for q in [local.name, "${local.name}-dlq"] : q => {
    Sid       = "DenyInsecureTransport"
    Effect    = "Deny"
    Principal = "*"
    Action    = "sqs:*"
    Resource  = "${local.here.sqs}:${q}"
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  } }
}

resource "aws_sqs_queue" "trigger" {
  count = local.wanted
  name  = local.name
  # The datasets of a morning are published within minutes of each other. A pipe cannot batch messages for an API destination
  # (docs/adr/20261126-marts-trigger.md); each waits here instead, so that the first build finds the snapshots of the others too.
  delay_seconds              = var.settle_seconds
  message_retention_seconds  = 24 * 3600 # after a day the workflow's schedule has built them
  visibility_timeout_seconds = 60
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letter[0].arn, maxReceiveCount = 5 })

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.deny_insecure[local.name],
      {
        Sid       = "TheGatesTopic"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = "${local.here.sqs}:${local.name}"
        Condition = { ArnEquals = { "aws:SourceArn" = local.topic }, StringEquals = { "aws:SourceAccount" = local.account } }
      },
    ]
  })
}

resource "aws_sqs_queue" "dead_letter" {
  count                     = local.wanted
  name                      = "${local.name}-dlq"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = true
  policy                    = jsonencode({ Version = "2012-10-17", Statement = [local.deny_insecure["${local.name}-dlq"]] })
}

resource "aws_sns_topic_subscription" "trigger" {
  count                = local.wanted
  topic_arn            = local.topic
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.trigger[0].arn
  raw_message_delivery = true
  filter_policy_scope  = "MessageAttributes"
  filter_policy        = jsonencode({ type = local.published })
}

# Terraform never has the token, or it would be in the state. The connection is created with a placeholder; `aws events update-connection`
# sets the token (docs/deploying.md), EventBridge keeps it in a secret that cannot be read back, and Terraform ignores the change.
resource "aws_cloudwatch_event_connection" "github" {
  count              = local.wanted
  name               = local.name
  description        = "GitHub's token, which may dispatch events to ${var.github_repository}. Set by hand."
  authorization_type = "API_KEY"

  auth_parameters {
    api_key {
      key   = "Authorization"
      value = local.no_token
    }
  }

  lifecycle {
    ignore_changes = [auth_parameters]
  }
}

locals {
  no_token = "Bearer none-yet"
}

resource "aws_cloudwatch_event_api_destination" "dispatch" {
  count                            = local.wanted
  name                             = local.name
  description                      = "Triggers the build of the marts in ${var.github_repository}."
  connection_arn                   = aws_cloudwatch_event_connection.github[0].arn
  http_method                      = "POST"
  invocation_endpoint              = "https://api.github.com/repos/${var.github_repository}/dispatches"
  invocation_rate_limit_per_second = 1
}

resource "aws_iam_role" "trigger" {
  count       = local.wanted
  name        = local.name
  description = "EventBridge Pipes notifies GitHub when datasets were published."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Pipes"
      Effect    = "Allow"
      Principal = { Service = "pipes.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account, "aws:SourceArn" = "${local.here.pipes}:pipe/${local.name}" } }
    }]
  })
}

resource "aws_iam_role_policy" "trigger" {
  count = local.wanted
  name  = "statements"
  role  = aws_iam_role.trigger[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for s in jsondecode(templatefile("${path.module}/../../policies/marts-trigger.json", {
      queue       = aws_sqs_queue.trigger[0].arn
      destination = aws_cloudwatch_event_api_destination.dispatch[0].arn
    })).statements : { for k, v in s : k => v if !contains(["reason", "by"], k) }]
  })
}

resource "aws_pipes_pipe" "trigger" {
  count       = local.wanted
  name        = local.name
  description = "Notifies GitHub when datasets were published."
  role_arn    = aws_iam_role.trigger[0].arn
  source      = aws_sqs_queue.trigger[0].arn
  target      = aws_cloudwatch_event_api_destination.dispatch[0].arn

  source_parameters {
    sqs_queue_parameters {
      batch_size = 1
    }
  }

  # Nothing of the event is sent: the build reads the pointers itself, so that a lost, repeated or forged dispatch does no harm.
  target_parameters {
    input_template = jsonencode({ event_type = "marts", client_payload = {} })

    http_parameters {
      header_parameters = { X-GitHub-Api-Version = "2022-11-28" }
    }
  }

  depends_on = [aws_iam_role_policy.trigger]
}

resource "aws_cloudwatch_metric_alarm" "dead_letter" {
  count      = local.wanted
  alarm_name = "${local.name}-dead-letters"
  alarm_description = join(" ", [
    "GitHub rejects the dispatches of ${local.name}.",
    "Look at its token: has it expired, or lost Contents: write on ${coalesce(var.github_repository, "the repository")}?",
    "docs/deploying.md describes how to set another; then purge ${local.name}-dlq. Until then the marts are built once per day.",
  ])
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letter[0].name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [nonsensitive(data.aws_ssm_parameter.alarm_topic[0].value)]
  ok_actions          = [nonsensitive(data.aws_ssm_parameter.alarm_topic[0].value)]
}

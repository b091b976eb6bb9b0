# A run that ends badly is told to people once, with its reason and the next command: the topics' events, by a queue and a pipe, into the
# alarms' topic. No program of ours is between, so that it tells of a service that is broken too.

locals {
  notable = ["run.failed", "extraction.failed", "landing.rejected", "staging.rejected", "dataset.stale", "dataset.recovered"]
  told = { for who, f in module.conventions.flow : who => [for t in f.emits : t if contains(local.notable, replace(trimprefix(t, "cat.llac."), "/\\.v[0-9]+$/", ""))]
    if length([for t in f.emits : t if contains(local.notable, replace(trimprefix(t, "cat.llac."), "/\\.v[0-9]+$/", ""))]) > 0 && var.notices
  }
  told_at_all = var.notices ? 1 : 0
  queue       = "${local.prefix}-notices"
}

resource "aws_sqs_queue" "notices" {
  count                     = local.told_at_all
  name                      = local.queue
  message_retention_seconds = 4 * 24 * 3600
  receive_wait_time_seconds = 20
  sqs_managed_sse_enabled   = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "DenyInsecureTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = "${local.here.sqs}:${local.queue}"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "TopicsOfLlac"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = "${local.here.sqs}:${local.queue}"
        Condition = {
          ArnEquals    = { "aws:SourceArn" = [for who in sort(keys(local.told)) : "${local.here.sns}:${local.prefix}-${who}"] }
          StringEquals = { "aws:SourceAccount" = local.account }
        }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "notices" {
  for_each = local.told

  topic_arn            = "${local.here.sns}:${local.prefix}-${each.key}"
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.notices[0].arn
  raw_message_delivery = true
  filter_policy_scope  = "MessageAttributes"
  filter_policy        = jsonencode({ type = each.value })
}

resource "aws_iam_role" "notices" {
  count       = local.told_at_all
  name        = local.queue
  description = "EventBridge Pipes takes notices from their queue to the alarms' topic."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Pipes"
      Effect    = "Allow"
      Principal = { Service = "pipes.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account, "aws:SourceArn" = "${local.here.pipes}:pipe/${local.queue}" } }
    }]
  })
}

resource "aws_iam_role_policy" "notices" {
  count = local.told_at_all
  name  = "statements"
  role  = aws_iam_role.notices[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for s in jsondecode(templatefile("${path.module}/../../policies/notices.json", {
      prefix = local.prefix
      queue  = aws_sqs_queue.notices[0].arn
      topic  = local.topic
    })).statements : { for k, v in s : k => v if !contains(["reason", "by"], k) }]
  })
}

resource "aws_pipes_pipe" "notices" {
  count       = local.told_at_all
  name        = local.queue
  description = "Tells people of runs that ended badly."
  role_arn    = aws_iam_role.notices[0].arn
  source      = aws_sqs_queue.notices[0].arn
  target      = local.topic

  source_parameters {
    sqs_queue_parameters {
      batch_size = 1
    }
  }

  # A path that an event does not have leaves nothing.
  target_parameters {
    input_template = "\"Llac ${var.env}: <$.body.type>, dataset <$.body.subject>, run <$.body.correlationid>, service <$.body.data.failure.service>. Why: <$.body.data.failure.reason><$.body.data.problems[0].message>. Next: llac show <$.body.correlationid> --env ${var.env}, or llac runs <$.body.subject> --env ${var.env}.\""
  }

  depends_on = [aws_iam_role_policy.notices]
}

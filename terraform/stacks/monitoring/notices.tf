# An incident is reported once when it opens and once when it closes, with run, reason and next command. Only the scheduler knows which of
# several failures is the first: it keeps a state per dataset (services/scheduler/incident.go). A queue and a pipe copy its events to the
# topic of the alarms. A scheduler that is broken itself is reported by the heartbeat.

locals {
  # By producer, the event types that become notices.
  notice_types = ["incident.opened", "incident.closed"]
  emitted = { for name, f in module.conventions.flow : name => [
    for t in f.emits : t if contains(local.notice_types, replace(trimprefix(t, "cat.llac."), "/\\.v[0-9]+$/", ""))
  ] }
  notices = { for name, types in local.emitted : name => types if length(types) > 0 && var.notices }
  wanted  = var.notices ? 1 : 0
  queue   = "${local.prefix}-notices"
}

resource "aws_sqs_queue" "notices" {
  count                     = local.wanted
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
          ArnEquals    = { "aws:SourceArn" = [for name in sort(keys(local.notices)) : "${local.here.sns}:${local.prefix}-${name}"] }
          StringEquals = { "aws:SourceAccount" = local.account }
        }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "notices" {
  for_each = local.notices

  topic_arn            = "${local.here.sns}:${local.prefix}-${each.key}"
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.notices[0].arn
  raw_message_delivery = true
  filter_policy_scope  = "MessageAttributes"
  filter_policy        = jsonencode({ type = each.value })
}

resource "aws_iam_role" "notices" {
  count       = local.wanted
  name        = local.queue
  description = "EventBridge Pipes moves notices from their queue to the topic of the alarms."

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
  count = local.wanted
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
  count       = local.wanted
  name        = local.queue
  description = "Reports incidents: failed runs and stale datasets, and their end."
  role_arn    = aws_iam_role.notices[0].arn
  source      = aws_sqs_queue.notices[0].arn
  target      = local.topic

  source_parameters {
    sqs_queue_parameters {
      batch_size = 1
    }
  }

  # A template has no conditions, so that the scheduler writes the sentence. Both fields are in every event of the two types.
  target_parameters {
    input_template = "\"Llac ${var.env}: <$.body.data.summary>. Next: `<$.body.data.next> --env ${var.env}`\""
  }

  depends_on = [aws_iam_role_policy.notices]
}

# Notices that were not delivered.
resource "aws_cloudwatch_metric_alarm" "notices" {
  count      = local.wanted
  alarm_name = "${local.prefix}-notices"
  alarm_description = join(" ", [
    "Notices have waited for a quarter of an hour: the pipe ${local.queue} does not deliver them.",
    "Look at its state and its role; `llac status --env ${var.env}` shows what they report.",
  ])
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.notices[0].name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 900
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.topic]
  ok_actions          = [local.topic]
}

# An incident is told to people once when it begins and once when it is over, with run, reason and next command. Which of many failures is the
# first is known to the scheduler alone, which has a state a dataset (services/scheduler/incident.go); a queue and a pipe take what it says into
# the alarms' topic. Of a scheduler that is broken itself the heartbeat tells.

locals {
  notable = ["incident.opened", "incident.closed"]
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
  description = "Tells people of incidents: runs that end badly, datasets that are stale, and that they are well again."
  role_arn    = aws_iam_role.notices[0].arn
  source      = aws_sqs_queue.notices[0].arn
  target      = local.topic

  source_parameters {
    sqs_queue_parameters {
      batch_size = 1
    }
  }

  # A template has no conditions, so that the sentence is made by who knows what happened. Both fields are in every event of the two types.
  target_parameters {
    input_template = "\"Llac ${var.env}: <$.body.data.summary>. Next: `<$.body.data.next> --env ${var.env}`\""
  }

  depends_on = [aws_iam_role_policy.notices]
}

# What people should have been told and were not.
resource "aws_cloudwatch_metric_alarm" "notices" {
  count               = local.told_at_all
  alarm_name          = "${local.prefix}-notices"
  alarm_description   = "Notices have waited for a quarter of an hour: the pipe ${local.queue} does not take them to people. Look at its state and its role; `llac status --env ${var.env}` shows what they would have said."
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

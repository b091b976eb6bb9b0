# The clock: two schedules, each of which sends an event directly into a queue. Events that could not be sent go to a dead-letter queue.

locals {
  schedules = {
    tick  = { every = var.tick, queue = "scheduler", type = "cat.llac.schedule.ticked.v1", why = "Starts what is due." }
    sweep = { every = var.sweep, queue = "landing-janitor", type = "cat.llac.sweep.ticked.v1", why = "Starts the daily sweep." }
  }

  # EventBridge replaces the placeholder with the time, in UTC, as events.ScheduleTicked reads it. jsonencode escapes < and >, and
  # EventBridge would not find the placeholder.
  scheduled_at = "<aws.scheduler.scheduled-time>"
  inputs = {
    for name, s in local.schedules : name => replace(replace(jsonencode({
      specversion     = "1.0"
      id              = "clock/${name}/${local.scheduled_at}"
      source          = "/llac/clock"
      type            = s.type
      time            = local.scheduled_at
      datacontenttype = "application/json"
      dataschema      = "https://llac-project.github.io/llac/events/${s.type}.json"
      correlationid   = ""
      data            = { scheduled_at = local.scheduled_at }
    }), "\\u003c", "<"), "\\u003e", ">")
  }
}

resource "aws_scheduler_schedule_group" "clock" {
  name = local.prefix
}

resource "aws_scheduler_schedule" "clock" {
  for_each = local.schedules

  name                = "${local.prefix}-${each.key}"
  group_name          = aws_scheduler_schedule_group.clock.name
  description         = each.value.why
  state               = var.schedules ? "ENABLED" : "DISABLED"
  schedule_expression = each.value.every
  kms_key_arn         = local.key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "${local.here.sqs}:${local.prefix}-${each.value.queue}"
    role_arn = aws_iam_role.clock.arn
    input    = local.inputs[each.key]

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 20
    }

    dead_letter_config {
      arn = aws_sqs_queue.clock_dead_letter.arn
    }
  }
}

resource "aws_sqs_queue" "clock_dead_letter" {
  name                      = "${local.prefix}-clock-dlq"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "DenyInsecureTransport"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = "${local.here.sqs}:${local.prefix}-clock-dlq"
      Condition = local.insecure
    }]
  })
}

resource "aws_iam_role" "clock" {
  name        = "${local.prefix}-clock"
  description = "EventBridge Scheduler sends ticks to two queues."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Scheduler"
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = "${local.here.scheduler}:schedule-group/${local.prefix}" }
      }
    }]
  })

  tags = { architecture_name = "EventBridgeSchedulerRole" }
}

resource "aws_iam_role_policy" "clock" {
  name = "statements"
  role = aws_iam_role.clock.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for s in jsondecode(templatefile("${path.module}/../../policies/clock.json", {
      scheduler_queue   = "${local.here.sqs}:${local.prefix}-scheduler"
      janitor_queue     = "${local.here.sqs}:${local.prefix}-landing-janitor"
      dead_letter_queue = aws_sqs_queue.clock_dead_letter.arn
    })).statements : { for k, v in s : k => v if !contains(["reason", "by"], k) }]
  })
}

resource "aws_cloudwatch_metric_alarm" "clock_dead_letter" {
  alarm_name = "${local.prefix}-clock-dead-letters"
  alarm_description = join(" ", [
    "Ticks could not be sent to the queue of the scheduler or of the landing-janitor. Are both deployed?",
    "The next tick is sent on schedule; then purge ${local.prefix}-clock-dlq.",
  ])
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.clock_dead_letter.name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# The clock: two schedules that send an event each straight into a queue. What they could not send lies in a queue of their own.

locals {
  schedules = {
    tick  = { every = var.tick, queue = "scheduler", type = "cat.llac.schedule.ticked.v1", why = "Tells the scheduler to start what is due." }
    sweep = { every = var.sweep, queue = "landing-janitor", type = "cat.llac.sweep.ticked.v1", why = "Tells the landing-janitor to sweep." }
  }

  # EventBridge puts the time in, in UTC, as events.ScheduleTicked reads it. jsonencode writes < and > in escapes, in which EventBridge would not find its word.
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
  description = "EventBridge Scheduler sends ticks into two queues."

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
  alarm_name          = "${local.prefix}-clock-dead-letters"
  alarm_description   = "Ticks could not be sent into the queues of the scheduler or the landing-janitor. Are both deployed? The next tick comes by itself; empty ${local.prefix}-clock-dlq when it does."
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

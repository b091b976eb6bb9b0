# Five alarms per service; four for one that continues long work by an event to itself. Each notifies when it starts and when it ends.
# A failed run is reported at once, with its reason, by the notice of stacks/monitoring. The alarm of the dead letters reports those that
# have waited for an hour, and those without a run.

locals {
  alarms = { for name, a in local.all_alarms : name => a if name != "slow" || !var.allow_recursion }

  all_alarms = {
    dead-letters = {
      why = join(" ", [
        "Messages that failed permanently in ${var.name} have waited for an hour.",
        "`llac dlq list ${var.name} --env ${var.env}` lists them with their reasons, `llac dlq show <id> --env ${var.env}` shows one,",
        "`llac dlq replay <id> --env ${var.env}` sends it back to the service.",
      ])
      namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = aws_sqs_queue.dead_letter.name }
      statistic = "Minimum", threshold = 0, period = 3600, periods = 1
    }
    undelivered = {
      why = join(" ", [
        "SNS could not deliver events to ${var.name}.",
        "Look at the queue's policy and key, then send the messages in ${local.full_name}-undelivered to its queue.",
      ])
      namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = aws_sqs_queue.undelivered.name }
      statistic = "Maximum", threshold = 0, period = 300, periods = 1
    }
    failing = {
      why = join(" ", [
        "Invocations of ${var.name} failed: the function crashed, ran out of time or memory, or could not start.",
        "The saved query \"errors\" shows why.",
      ])
      namespace = "AWS/Lambda", metric = "Errors", dimensions = { FunctionName = local.full_name }
      statistic = "Sum", threshold = 0, period = 300, periods = 1
    }
    # A service that continues by an event to itself works until its deadline on purpose.
    slow = {
      why = join(" ", [
        "An invocation of ${var.name} took more than four fifths of its timeout of ${var.timeout} seconds: the next may time out.",
        "Look at the saved queries \"slowest events\" and \"memory and cost\".",
        "More memory also gives more processor time (sizes in environments/${var.env}/services.tfvars).",
      ])
      namespace = "AWS/Lambda", metric = "Duration", dimensions = { FunctionName = local.full_name }
      statistic = "Maximum", threshold = 800 * var.timeout, period = 300, periods = 1
    }
    degraded = {
      why = join(" ", [
        "Events have waited for ${var.name} for ${var.oldest_message_alarm_minutes} minutes.",
        "It is throttled, disabled or too slow, or a portal asked it to wait; `llac status --env ${var.env}` shows the queues.",
      ])
      namespace = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", dimensions = { QueueName = aws_sqs_queue.this.name }
      statistic = "Maximum", threshold = 60 * var.oldest_message_alarm_minutes, period = 300, periods = 2
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${local.full_name}-${each.key}"
  alarm_description   = each.value.why
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  # An empty queue and a function without invocations report no data.
  treat_missing_data = "notBreaching"
  alarm_actions      = [var.alarm_topic_arn]
  ok_actions         = [var.alarm_topic_arn]
}

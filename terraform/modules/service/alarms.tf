# Five alarms a service, four of one that hands long work on to itself. Each tells once, and once more when it is over. Of a run that fails the notice of stacks/monitoring tells at once,
# with its reason; the alarm of the dead letters tells of those that nobody has dealt with for an hour, and of those without a run.

locals {
  alarms = { for name, a in local.all_alarms : name => a if name != "slow" || !var.allow_recursion }

  all_alarms = {
    dead-letters = {
      why       = "Events that ${var.name} has given up lie there for an hour. `llac dlq list ${var.name} --env ${var.env}` shows them with their reasons; `llac dlq show <id> --env ${var.env}` says more of one, `llac dlq replay <id> --env ${var.env}` tries it again."
      namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = aws_sqs_queue.dead_letter.name }
      statistic = "Minimum", threshold = 0, period = 3600, periods = 1
    }
    undelivered = {
      why       = "SNS could not deliver events to ${var.name}. Look at the queue's policy and key, then send the messages of ${local.full_name}-undelivered on."
      namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = aws_sqs_queue.undelivered.name }
      statistic = "Maximum", threshold = 0, period = 300, periods = 1
    }
    failing = {
      why       = "Calls of ${var.name} ended without an answer: it crashed, ran out of time or memory, or could not start. The saved query \"errors\" says more."
      namespace = "AWS/Lambda", metric = "Errors", dimensions = { FunctionName = local.full_name }
      statistic = "Sum", threshold = 0, period = 300, periods = 1
    }
    # Who hands on to itself works up to its deadline on purpose.
    slow = {
      why       = "A call of ${var.name} took more than four fifths of the ${var.timeout} seconds that it may take: the next may not end. Look at the saved queries \"slowest events\" and \"memory and cost\"; more memory is more processor time (sizes in environments/${var.env}/services.tfvars)."
      namespace = "AWS/Lambda", metric = "Duration", dimensions = { FunctionName = local.full_name }
      statistic = "Maximum", threshold = 800 * var.timeout, period = 300, periods = 1
    }
    degraded = {
      why       = "Events have waited for ${var.name} for ${var.oldest_message_alarm_minutes} minutes. It is held back, paused, or does not keep up; `llac status --env ${var.env}` shows the queues."
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
  # An empty queue and a function that was not called report nothing.
  treat_missing_data = "notBreaching"
  alarm_actions      = [var.alarm_topic_arn]
  ok_actions         = [var.alarm_topic_arn]
}

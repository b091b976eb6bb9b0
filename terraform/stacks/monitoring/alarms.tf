# What no single service can say of itself. The services' own alarms are in modules/service.

# The scheduler measures at every tick how many datasets are stale: no measurement, no tick.
resource "aws_cloudwatch_metric_alarm" "heartbeat" {
  alarm_name          = "${local.prefix}-heartbeat"
  alarm_description   = "The scheduler has not dealt with a tick for ${var.heartbeat_minutes} minutes: no run is started and nobody watches freshness. Look at the schedule ${local.prefix}-tick, its queue ${local.prefix}-clock-dlq and the scheduler's alarms, then at `llac status --env ${var.env}`."
  namespace           = local.ours
  metric_name         = "datasets_stale"
  dimensions          = { service = "scheduler", outcome = "ok" }
  statistic           = "SampleCount"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 900
  evaluation_periods  = var.heartbeat_minutes / 15
  treat_missing_data  = "breaching"
  alarm_actions       = [local.topic]
  ok_actions          = [local.topic]
}

resource "aws_cloudwatch_metric_alarm" "freshness" {
  alarm_name          = "${local.prefix}-freshness"
  alarm_description   = "A dataset has not been refreshed within its contract's freshness. `llac status --env ${var.env}` names it, `llac runs --dataset <dataset> --env ${var.env}` shows its last runs; the saved query \"freshness\" has every dataset's age."
  namespace           = local.ours
  metric_name         = "datasets_stale"
  dimensions          = { service = "scheduler", outcome = "ok" }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 900
  evaluation_periods  = 1
  # Without ticks nothing is known: the heartbeat tells.
  treat_missing_data = "ignore"
  # One notification an incident: where there are notices they tell of it, naming dataset and run, and this is for the dashboard.
  alarm_actions = var.notices ? [] : [local.topic]
  ok_actions    = var.notices ? [] : [local.topic]
}

# No canary asks the portals, which would cost more than all the rest and ask them without need: the fetcher asks them anyway, and measures.
resource "aws_cloudwatch_metric_alarm" "portals" {
  alarm_name          = "${local.prefix}-portals"
  alarm_description   = "Less than ${floor(var.portal_availability * 100)} % of the portals' answers within an hour were good. Runs are retried by themselves; the saved query \"portals\" says which portal, with which status."
  comparison_operator = "LessThanThreshold"
  threshold           = var.portal_availability
  evaluation_periods  = 1
  treat_missing_data  = "ignore" # nobody asked
  alarm_actions       = [local.topic]
  ok_actions          = [local.topic]

  metric_query {
    id          = "availability"
    label       = "share of good answers"
    expression  = "FILL(good, 0) / (FILL(good, 0) + FILL(bad, 0))" # nobody asked: 0 / 0 is no value
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { good = "ok", bad = "failed" }

    content {
      id = metric_query.key

      metric {
        namespace   = local.ours
        metric_name = "portal_response_time"
        dimensions  = { service = "fetcher", outcome = metric_query.value }
        stat        = "SampleCount"
        period      = 3600
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "quarantine" {
  alarm_name          = "${local.prefix}-quarantine"
  alarm_description   = "More than ${floor(var.quarantine_share * 100)} % of the rows staged within an hour were set aside. The saved query \"quarantine\" says of which dataset and run; `llac show <dataset>/<run> --env ${var.env}` gives the reasons."
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.quarantine_share
  evaluation_periods  = 1
  treat_missing_data  = "ignore"
  alarm_actions       = [local.topic]
  ok_actions          = [local.topic]

  metric_query {
    id          = "share"
    label       = "share of rows set aside"
    expression  = "aside / (aside + staged)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { aside = "rows_quarantined", staged = "rows_staged" }

    content {
      id = metric_query.key

      metric {
        namespace   = local.ours
        metric_name = metric_query.value
        dimensions  = { service = "stager", outcome = "ok" }
        stat        = "Sum"
        period      = 3600
      }
    }
  }
}

# AWS itself is ill where we stand.
resource "aws_cloudwatch_event_rule" "health" {
  name        = "${local.prefix}-health"
  description = "AWS Health: issues of the services that Llac stands on."

  event_pattern = jsonencode({
    source      = ["aws.health"]
    detail-type = ["AWS Health Event"]
    detail = {
      eventTypeCategory = ["issue", "accountNotification"]
      service           = ["S3", "LAMBDA", "SQS", "SNS", "EVENTS", "ATHENA", "GLUE", "CLOUDWATCH", "IAM", "SSM", "BILLING", "RISK"]
    }
  })
}

resource "aws_cloudwatch_event_target" "health" {
  rule      = aws_cloudwatch_event_rule.health.name
  target_id = "alarms"
  arn       = local.topic

  input_transformer {
    input_paths = {
      service = "$.detail.service"
      what    = "$.detail.eventTypeCode"
      status  = "$.detail.statusCode"
      started = "$.detail.startTime"
    }
    input_template = "\"Llac ${var.env}: AWS Health says <what> of <service> (<status>, since <started>). Next: look at the AWS Health Dashboard; runs are retried by themselves, and `llac status --env ${var.env}` shows what waits.\""
  }
}

# The alarms of the bill: one budget, which the first two of an account cost nothing. moto answers 500 to it.
resource "aws_budgets_budget" "this" {
  count        = var.local ? 0 : 1
  name         = local.prefix
  budget_type  = "COST"
  limit_amount = format("%.1f", var.budget_alerts[length(var.budget_alerts) - 1])
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  dynamic "cost_filter" {
    for_each = var.budget_of_tag ? [1] : []

    content {
      name   = "TagKeyValue"
      values = [format("user:environment%s%s", "$", var.env)]
    }
  }

  dynamic "notification" {
    for_each = toset([for a in var.budget_alerts : tostring(a)])

    content {
      comparison_operator       = "GREATER_THAN"
      threshold                 = tonumber(notification.value)
      threshold_type            = "ABSOLUTE_VALUE"
      notification_type         = "ACTUAL"
      subscriber_sns_topic_arns = [local.topic]
    }
  }
}

# moto has no sampling rules.
resource "aws_xray_sampling_rule" "this" {
  count          = var.local ? 0 : 1
  rule_name      = local.prefix
  priority       = 1000
  version        = 1
  reservoir_size = 1
  fixed_rate     = var.trace_share
  url_path       = "*"
  host           = "*"
  http_method    = "*"
  service_type   = "*"
  service_name   = "${local.prefix}-*"
  resource_arn   = "*"
}

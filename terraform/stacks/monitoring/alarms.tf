# Alarms of the whole environment. Those of single services are in modules/service.

# The scheduler writes this metric at every tick: no metric means no tick.
resource "aws_cloudwatch_metric_alarm" "heartbeat" {
  alarm_name = "${local.prefix}-heartbeat"
  alarm_description = join(" ", [
    "The scheduler has not processed a tick for ${var.heartbeat_minutes} minutes: no run starts, and freshness is not checked.",
    "Look at the schedule ${local.prefix}-tick, its dead-letter queue ${local.prefix}-clock-dlq and the scheduler's alarms,",
    "then at `llac status --env ${var.env}`.",
  ])
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
  alarm_name = "${local.prefix}-freshness"
  alarm_description = join(" ", [
    "A dataset is older than its contract allows.",
    "`llac status --env ${var.env}` names it, `llac runs --dataset <dataset> --env ${var.env}` shows its last runs;",
    "the saved query \"freshness\" shows the age of every dataset.",
  ])
  namespace           = local.ours
  metric_name         = "datasets_stale"
  dimensions          = { service = "scheduler", outcome = "ok" }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 900
  evaluation_periods  = 1
  # Without ticks there is no data: the heartbeat reports that.
  treat_missing_data = "ignore"
  # One notification per incident: where notices are on, they name dataset and run, and this alarm is only for the dashboard.
  alarm_actions = var.notices ? [] : [local.topic]
  ok_actions    = var.notices ? [] : [local.topic]
}

# There is no canary: it would cost more than everything else and burden the portals. The fetcher measures the portals as it uses them.
resource "aws_cloudwatch_metric_alarm" "portals" {
  alarm_name = "${local.prefix}-portals"
  alarm_description = join(" ", [
    "Less than ${floor(var.portal_availability * 100)} % of the portals' responses within an hour were good.",
    "Runs are retried automatically; the saved query \"portals\" shows which portal, with which status.",
  ])
  comparison_operator = "LessThanThreshold"
  threshold           = var.portal_availability
  evaluation_periods  = 1
  treat_missing_data  = "ignore" # no request
  alarm_actions       = [local.topic]
  ok_actions          = [local.topic]

  metric_query {
    id          = "availability"
    label       = "share of good responses"
    expression  = "FILL(good, 0) / (FILL(good, 0) + FILL(bad, 0))" # no request: 0 / 0 has no value
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
  alarm_name = "${local.prefix}-quarantine"
  alarm_description = join(" ", [
    "More than ${floor(var.quarantine_share * 100)} % of the rows staged within an hour were quarantined.",
    "The saved query \"quarantine\" shows the datasets and runs; `llac show <dataset>/<run> --env ${var.env}` shows the reasons.",
  ])
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.quarantine_share
  evaluation_periods  = 1
  treat_missing_data  = "ignore"
  alarm_actions       = [local.topic]
  ok_actions          = [local.topic]

  metric_query {
    id          = "share"
    label       = "share of quarantined rows"
    expression  = "quarantined / (quarantined + staged)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { quarantined = "rows_quarantined", staged = "rows_staged" }

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

# Reports problems of AWS itself.
resource "aws_cloudwatch_event_rule" "health" {
  name        = "${local.prefix}-health"
  description = "AWS Health: issues of the services that Llac uses."

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
    input_template = format("\"%s\"", join(" ", [
      "Llac ${var.env}: AWS Health reports <what> of <service> (<status>, since <started>).",
      "Next: look at the AWS Health Dashboard; runs are retried automatically, and `llac status --env ${var.env}` shows what waits.",
    ]))
  }
}

# Alarms of the bill: one budget; the first two of an account are free. moto responds with 500.
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

# moto does not support sampling rules.
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

mock_provider "aws" {
  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "123456789012" }
  }
  override_data {
    target = data.aws_partition.current
    values = { partition = "aws" }
  }
  override_data {
    target = data.aws_ssm_parameter.alarm_topic
    values = { value = "arn:aws:sns:eu-west-1:123456789012:llac-dev-alarms" }
  }
  mock_resource "aws_sqs_queue" {
    override_during = plan
    defaults        = { arn = "arn:aws:sqs:eu-west-1:123456789012:llac-dev-notices" }
  }
  mock_resource "aws_iam_role" {
    override_during = plan
    defaults        = { arn = "arn:aws:iam::123456789012:role/llac-dev-notices" }
  }
}

variables {
  env = "dev"
}

run "heartbeat" {
  command = plan

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.heartbeat.treat_missing_data == "breaching" &&
      aws_cloudwatch_metric_alarm.heartbeat.evaluation_periods == 3
    )
    error_message = "A missing tick raises the alarm."
  }
}

run "every_alarm_notifies_its_end" {
  command = plan

  assert {
    condition = alltrue([
      for a in [
        aws_cloudwatch_metric_alarm.heartbeat, aws_cloudwatch_metric_alarm.portals, aws_cloudwatch_metric_alarm.quarantine,
        aws_cloudwatch_metric_alarm.notices[0],
      ] : a.alarm_actions == toset(["arn:aws:sns:eu-west-1:123456789012:llac-dev-alarms"]) && a.ok_actions == a.alarm_actions
    ])
    error_message = "Each alarm notifies once at the start and once at the end."
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.freshness.alarm_actions) == 0
    error_message = "A stale dataset is reported by its notice, and only once."
  }
}

run "every_alarm_names_the_next_step" {
  command = plan

  assert {
    condition = alltrue([
      for a in [
        aws_cloudwatch_metric_alarm.heartbeat, aws_cloudwatch_metric_alarm.freshness, aws_cloudwatch_metric_alarm.portals,
        aws_cloudwatch_metric_alarm.quarantine,
      ] : can(regex("llac |saved query|Look at", a.alarm_description))
    ])
    error_message = "Each description names the next step."
  }
}

run "budget" {
  command = plan

  assert {
    condition = (
      toset([for n in aws_budgets_budget.this[0].notification : n.threshold]) == toset([15, 25, 30]) &&
      alltrue([for n in aws_budgets_budget.this[0].notification : n.threshold_type == "ABSOLUTE_VALUE"]) &&
      aws_budgets_budget.this[0].limit_amount == "30.0"
    )
    error_message = "The budget notifies at 15, 25 and 30 dollars."
  }
}

run "budget_of_the_environment" {
  command = plan

  variables {
    budget_of_tag = true
  }
  assert {
    condition     = one(aws_budgets_budget.this[0].cost_filter).values == tolist(["user:environment$dev"])
    error_message = "The filter has AWS's form of a tag."
  }
}

run "notices" {
  command = plan

  assert {
    condition     = output.notices == { scheduler = ["cat.llac.incident.opened.v1", "cat.llac.incident.closed.v1"] }
    error_message = "Notices are sent when an incident opens and closes, not for every failure in between."
  }
  assert {
    condition = (
      aws_pipes_pipe.notices[0].target_parameters[0].input_template ==
      "\"Llac dev: <$.body.data.summary>. Next: `<$.body.data.next> --env dev`\""
    )
    error_message = "A notice has what happened and the next command."
  }
}

run "no_notices" {
  command = plan

  variables {
    notices = false
  }
  assert {
    condition = (
      length(aws_pipes_pipe.notices) == 0 &&
      length(aws_sns_topic_subscription.notices) == 0 &&
      length(aws_cloudwatch_metric_alarm.notices) == 0
    )
    error_message = "Without notices there are no resources for them."
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.freshness.alarm_actions) == 1
    error_message = "Without notices the alarm reports stale datasets."
  }
}

run "dashboards" {
  command = plan

  assert {
    condition     = toset(keys(aws_cloudwatch_dashboard.this)) == toset(["operational"])
    error_message = "Three dashboards of an account are free: one of dev, two of prod."
  }
}

run "both_dashboards" {
  command = plan

  variables {
    dashboards = ["operational", "business"]
  }
  assert {
    condition     = toset(keys(aws_cloudwatch_dashboard.this)) == toset(["operational", "business"])
    error_message = "Both dashboards exist."
  }
  assert {
    condition = (
      alltrue([for d in values(aws_cloudwatch_dashboard.this) : alltrue([for w in jsondecode(d.dashboard_body).widgets :
      w.properties.title != "" && w.x + w.width <= 24])])
    )
    error_message = "Every widget has a title and fits the page."
  }
}

run "saved_queries" {
  command = plan

  assert {
    condition = (
      strcontains(aws_cloudwatch_query_definition.this["run by correlation id"].query_string, "filter correlation_id") &&
      toset(aws_cloudwatch_query_definition.this["run by correlation id"].log_group_names) ==
      toset([for s in keys(module.conventions.services) : "/aws/lambda/llac-dev-${s}"])
    )
    error_message = "A run is found by its id in the logs of all services."
  }
}

run "on_moto" {
  command = plan

  variables {
    local = true
  }
  assert {
    condition     = length(aws_budgets_budget.this) == 0 && length(aws_xray_sampling_rule.this) == 0
    error_message = "moto supports neither budgets nor sampling rules."
  }
}

run "amounts_that_fall" {
  command = plan

  variables {
    budget_alerts = [30, 15]
  }
  expect_failures = [var.budget_alerts]
}

run "an_unknown_dashboard" {
  command = plan

  variables {
    dashboards = ["executive"]
  }
  expect_failures = [var.dashboards]
}

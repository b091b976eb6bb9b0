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
    target = data.aws_ssm_parameter.kms_key
    values = { value = "none" }
  }
  mock_resource "aws_sns_topic" {
    override_during = plan
    defaults        = { arn = "arn:aws:sns:eu-west-1:123456789012:llac-dev-mocked" }
  }
  mock_resource "aws_iam_role" {
    override_during = plan
    defaults        = { arn = "arn:aws:iam::123456789012:role/llac-dev-clock" }
  }
  mock_resource "aws_sqs_queue" {
    override_during = plan
    defaults        = { arn = "arn:aws:sqs:eu-west-1:123456789012:llac-dev-clock-dlq" }
  }
}

variables {
  env = "dev"
}

run "topics" {
  command = plan

  assert {
    condition     = toset(keys(aws_sns_topic.producer)) == toset(keys(module.conventions.flow))
    error_message = "There is one topic per producer, and the operator is one."
  }
  assert {
    condition     = alltrue([for t in values(aws_sns_topic.producer) : t.kms_master_key_id == "alias/aws/sns"])
    error_message = "Events are encrypted with AWS's key for SNS."
  }
  assert {
    condition = (
      alltrue([for p in concat(values(aws_sns_topic_policy.producer), [aws_sns_topic_policy.alarms]) :
        one([for s in jsondecode(p.policy).Statement : s.Condition if s.Effect == "Deny"]) ==
      { Bool = { "aws:SecureTransport" = "false" } }])
    )
    error_message = "No topic accepts plain HTTP."
  }
}

run "clock" {
  command = plan

  assert {
    condition = (
      { for k, s in aws_scheduler_schedule.clock : k => s.schedule_expression } ==
      { tick = "rate(15 minutes)", sweep = "rate(1 day)" }
    )
    error_message = "There is a tick every 15 minutes and a sweep per day."
  }
  assert {
    condition = (
      alltrue([for s in values(aws_scheduler_schedule.clock) : s.flexible_time_window[0].mode == "OFF" &&
      s.target[0].dead_letter_config[0].arn != ""])
    )
    error_message = "Ticks are on time, and those that cannot be sent are kept."
  }
  assert {
    condition = (
      aws_scheduler_schedule.clock["tick"].target[0].arn == "arn:aws:sqs:eu-west-1:123456789012:llac-dev-scheduler" &&
      aws_scheduler_schedule.clock["sweep"].target[0].arn == "arn:aws:sqs:eu-west-1:123456789012:llac-dev-landing-janitor"
    )
    error_message = "Ticks go directly to the queues."
  }
  assert {
    condition = (
      alltrue([for input in values(output.inputs) : jsondecode(input).data.scheduled_at == "<aws.scheduler.scheduled-time>" &&
      strcontains(input, "\"time\":\"<aws.scheduler.scheduled-time>\"")])
    )
    error_message = "EventBridge finds its placeholder for the time: it is not escaped."
  }
  assert {
    condition = (
      jsondecode(output.inputs["tick"]).type == "cat.llac.schedule.ticked.v1" &&
      jsondecode(output.inputs["sweep"]).type == "cat.llac.sweep.ticked.v1"
    )
    error_message = "The events have the types that the two services consume."
  }
}

run "stopped" {
  command = plan

  variables {
    schedules = false
  }
  assert {
    condition     = alltrue([for s in values(aws_scheduler_schedule.clock) : s.state == "DISABLED"])
    error_message = "The schedules are off."
  }
}

run "no_address" {
  command = plan

  variables {
    alarm_emails = ["data team"]
  }
  expect_failures = [var.alarm_emails]
}

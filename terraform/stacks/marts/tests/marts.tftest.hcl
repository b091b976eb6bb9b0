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
    defaults        = { arn = "arn:aws:sqs:eu-west-1:123456789012:llac-dev-marts-trigger" }
  }
  mock_resource "aws_iam_role" {
    override_during = plan
    defaults        = { arn = "arn:aws:iam::123456789012:role/llac-dev-marts-trigger" }
  }
  mock_resource "aws_cloudwatch_event_connection" {
    override_during = plan
    defaults        = { arn = "arn:aws:events:eu-west-1:123456789012:connection/llac-dev-marts-trigger/1" }
  }
  mock_resource "aws_cloudwatch_event_api_destination" {
    override_during = plan
    defaults        = { arn = "arn:aws:events:eu-west-1:123456789012:api-destination/llac-dev-marts-trigger/2" }
  }
}

variables {
  env               = "dev"
  github_repository = "llac-project/llac"
}

run "no_repository" {
  command = plan

  variables {
    github_repository = null
  }
  assert {
    condition = alltrue([
      for created in [
        aws_sqs_queue.trigger, aws_sqs_queue.dead_letter, aws_sns_topic_subscription.trigger, aws_cloudwatch_event_connection.github,
        aws_cloudwatch_event_api_destination.dispatch, aws_iam_role.trigger, aws_iam_role_policy.trigger, aws_pipes_pipe.trigger,
        aws_cloudwatch_metric_alarm.dead_letter,
      ] : length(created) == 0
    ]) && output.connection == null
    error_message = "Without a repository there are no resources."
  }
}

run "trigger" {
  command = plan

  assert {
    condition = (
      output.filter == ["cat.llac.staging.published.v1"] &&
      jsondecode(aws_sns_topic_subscription.trigger[0].filter_policy) == { type = ["cat.llac.staging.published.v1"] }
    )
    error_message = "Only a publication triggers a build."
  }
  assert {
    condition     = aws_sns_topic_subscription.trigger[0].topic_arn == "arn:aws:sns:eu-west-1:123456789012:llac-dev-quality-gate"
    error_message = "The quality gate publishes."
  }
  assert {
    condition     = aws_sqs_queue.trigger[0].delay_seconds == 300
    error_message = "Publications wait for each other."
  }
}

run "dispatch" {
  command = plan

  assert {
    condition = (
      jsondecode(aws_pipes_pipe.trigger[0].target_parameters[0].input_template) == { event_type = "marts", client_payload = {} }
    )
    error_message = "GitHub gets event_type and client_payload; nothing of an event leaves the account."
  }
  assert {
    condition = (
      aws_cloudwatch_event_api_destination.dispatch[0].invocation_endpoint == "https://api.github.com/repos/llac-project/llac/dispatches" &&
      aws_cloudwatch_event_api_destination.dispatch[0].http_method == "POST" &&
      aws_cloudwatch_event_api_destination.dispatch[0].invocation_rate_limit_per_second == 1
    )
    error_message = "At most one dispatch per second, over TLS."
  }
  assert {
    condition     = aws_pipes_pipe.trigger[0].source_parameters[0].sqs_queue_parameters[0].batch_size == 1
    error_message = "An API destination accepts no batches: AWS refuses a larger size."
  }
}

run "no_token_in_the_state" {
  command = plan

  assert {
    condition     = aws_cloudwatch_event_connection.github[0].auth_parameters[0].api_key[0].value == "Bearer none-yet"
    error_message = "The value that Terraform knows is a placeholder."
  }
}

run "queues" {
  command = plan

  assert {
    condition = (
      alltrue([for q in [aws_sqs_queue.trigger[0], aws_sqs_queue.dead_letter[0]] : q.sqs_managed_sse_enabled &&
      contains([for s in jsondecode(q.policy).Statement : "${s.Effect} ${s.Sid}"], "Deny DenyInsecureTransport")])
    )
    error_message = "The queues are encrypted and refuse plain HTTP."
  }
  assert {
    condition = (
      jsondecode(aws_sqs_queue.trigger[0].redrive_policy).maxReceiveCount == 5 &&
      aws_sqs_queue.dead_letter[0].message_retention_seconds == 1209600
    )
    error_message = "A dispatch that GitHub rejects is kept and raises an alarm."
  }
}

run "role" {
  command = plan

  assert {
    condition = (
      sort(flatten([for s in jsondecode(aws_iam_role_policy.trigger[0].policy).Statement : s.Action])) ==
      tolist(["events:InvokeApiDestination", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"])
    )
    error_message = "The pipe may only receive from its queue and call its destination."
  }
  assert {
    condition = (
      jsondecode(aws_iam_role.trigger[0].assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceArn"] ==
      "arn:aws:pipes:eu-west-1:123456789012:pipe/llac-dev-marts-trigger"
    )
    error_message = "Only that pipe takes the role."
  }
}

run "an_invalid_repository" {
  command = plan

  variables {
    github_repository = "https://github.com/llac-project/llac"
  }
  expect_failures = [var.github_repository]
}

run "too_long_a_wait" {
  command = plan

  variables {
    settle_seconds = 1000
  }
  expect_failures = [var.settle_seconds]
}

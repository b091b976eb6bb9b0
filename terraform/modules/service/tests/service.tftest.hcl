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
    target = data.aws_region.current
    values = { name = "eu-west-1" }
  }
  override_data {
    target = data.aws_s3_object.package
    values = {
      content_length = 7400000
      key            = "functions/stager/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.zip"
    }
  }
  override_data {
    target = data.aws_ssm_parameters_by_path.recorded
    values = { names = [], values = [] }
  }
  mock_resource "aws_sqs_queue" {
    override_during = plan
    defaults = {
      arn = "arn:aws:sqs:eu-west-1:123456789012:llac-dev-mocked"
      url = "https://sqs.eu-west-1.amazonaws.com/123456789012/llac-dev-mocked"
      id  = "https://sqs.eu-west-1.amazonaws.com/123456789012/llac-dev-mocked"
    }
  }
  mock_resource "aws_iam_role" {
    override_during = plan
    defaults        = { arn = "arn:aws:iam::123456789012:role/llac-dev-stager" }
  }
}

variables {
  name            = "stager"
  env             = "dev"
  artifact_bucket = "llac-artifacts-123456789012"
  artifact_key    = "functions/stager/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.zip"
  artifact_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
  memory          = 1024
  timeout         = 900
  topic_arn       = "arn:aws:sns:eu-west-1:123456789012:llac-dev-stager"
  alarm_topic_arn = "arn:aws:sns:eu-west-1:123456789012:llac-dev-alarms"
  subscriptions   = { validator = ["cat.llac.landing.validated.v1"] }
  environment     = { LLAC_DATA_BUCKET = "llac-dev-data-123456789012", LLAC_CONFIG_BUCKET = "llac-dev-config-123456789012" }
  statements      = <<-EOT
    [{
      "Sid": "ReadLanding", "Effect": "Allow", "Action": ["s3:GetObject"],
      "Resource": ["arn:aws:s3:::llac-dev-data-123456789012/landing/*"]
    }]
  EOT
}

run "queues" {
  command = plan

  assert {
    condition     = aws_sqs_queue.this.visibility_timeout_seconds == 6 * 900
    error_message = "The visibility timeout is six times the function's timeout."
  }
  assert {
    condition = (
      aws_sqs_queue.this.message_retention_seconds == 12 * 86400 &&
      aws_sqs_queue.dead_letter.message_retention_seconds == 14 * 86400 &&
      aws_sqs_queue.undelivered.message_retention_seconds == 14 * 86400
    )
    error_message = "Events wait 12 days; a message that SQS moves keeps its age, and 14 days are the maximum."
  }
  assert {
    condition     = jsondecode(aws_sqs_queue.this.redrive_policy).maxReceiveCount == 15
    error_message = "SQS moves a message ten receives after the service would have done so (messaging.RedriveAfter)."
  }
  assert {
    condition = (
      aws_sqs_queue.this.sqs_managed_sse_enabled &&
      aws_sqs_queue.dead_letter.sqs_managed_sse_enabled &&
      aws_sqs_queue.undelivered.sqs_managed_sse_enabled
    )
    error_message = "All three queues are encrypted."
  }
  assert {
    condition = (
      alltrue([for q in [aws_sqs_queue.this, aws_sqs_queue.dead_letter, aws_sqs_queue.undelivered] :
        [for s in jsondecode(q.policy).Statement : s.Condition if s.Effect == "Deny"] ==
      [{ Bool = { "aws:SecureTransport" = "false" } }]])
    )
    error_message = "No queue accepts plain HTTP."
  }
  assert {
    condition = (
      [for s in jsondecode(aws_sqs_queue.this.policy).Statement : s.Condition.ArnEquals["aws:SourceArn"] if s.Effect == "Allow"] ==
      [["arn:aws:sns:eu-west-1:123456789012:llac-dev-validator"]]
    )
    error_message = "Only the topics that the service consumes may send to its queue."
  }
  assert {
    condition     = length(aws_sqs_queue_redrive_allow_policy.dead_letter) == 1
    error_message = "Only the service's own queue may use the dead-letter queue."
  }
}

run "subscriptions" {
  command = plan

  assert {
    condition     = jsondecode(aws_sns_topic_subscription.this["validator"].filter_policy) == { type = ["cat.llac.landing.validated.v1"] }
    error_message = "The filter accepts what the service consumes."
  }
  assert {
    condition = (
      aws_sns_topic_subscription.this["validator"].raw_message_delivery &&
      jsondecode(aws_sns_topic_subscription.this["validator"].redrive_policy).deadLetterTargetArn == aws_sqs_queue.undelivered.arn
    )
    error_message = "Events are delivered raw, and undeliverable ones are kept."
  }
}

run "function" {
  command = plan

  assert {
    condition = (
      aws_lambda_function.this.runtime == "provided.al2023" &&
      aws_lambda_function.this.architectures == tolist(["arm64"]) &&
      aws_lambda_function.this.handler == "bootstrap" &&
      aws_lambda_function.this.publish
    )
    error_message = "The function is a program for arm64, in published versions."
  }
  assert {
    condition     = aws_lambda_function.this.tracing_config[0].mode == "Active"
    error_message = "Tracing is active."
  }
  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "No concurrency is reserved by default: a new account refuses it."
  }
  assert {
    condition = (
      aws_lambda_event_source_mapping.this.function_response_types == toset(["ReportBatchItemFailures"]) &&
      aws_lambda_event_source_mapping.this.batch_size == 1 &&
      aws_lambda_event_source_mapping.this.scaling_config[0].maximum_concurrency == 2
    )
    error_message = "The mapping reports batch item failures."
  }
  assert {
    condition = (
      aws_lambda_function.this.environment[0].variables["LLAC_MAX_RECEIVES"] == "5" &&
      aws_lambda_function.this.environment[0].variables["LLAC_ENV"] == "dev"
    )
    error_message = "The function gets its maximum number of receives."
  }
  assert {
    condition     = length(aws_lambda_function_recursion_config.this) == 0
    error_message = "Lambda stops a loop unless it is allowed."
  }
}

run "alarms" {
  command = plan

  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset(["dead-letters", "undelivered", "failing", "slow", "degraded"])
    error_message = "There are five alarms."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["slow"].threshold == 1000 * var.timeout * 4 / 5
    error_message = "Lambda measures durations in milliseconds."
  }
  assert {
    condition = (
      alltrue([for a in values(aws_cloudwatch_metric_alarm.this) : length(a.alarm_actions) == 1 && length(a.ok_actions) == 1 &&
      a.treat_missing_data == "notBreaching"])
    )
    error_message = "Each alarm notifies when it starts and when it ends."
  }
}

run "alarms_of_a_service_that_invokes_itself" {
  command = plan

  variables {
    allow_recursion = true
  }
  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.this), "slow")
    error_message = "A service that invokes itself works until its deadline on purpose."
  }
}

run "first_record" {
  command = plan

  assert {
    condition     = aws_ssm_parameter.record["previous"].value == "none"
    error_message = "The first deploy has no previous package."
  }
}

run "record_of_the_same" {
  command = plan

  override_data {
    target = data.aws_ssm_parameters_by_path.recorded
    values = {
      names  = ["/llac/dev/services/stager/previous", "/llac/dev/services/stager/sha256"]
      values = ["aaaa", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
    }
  }
  assert {
    condition     = aws_ssm_parameter.record["previous"].value == "aaaa"
    error_message = "Another apply of the deployed package changes nothing."
  }
}

run "record_of_another" {
  command = plan

  override_data {
    target = data.aws_ssm_parameters_by_path.recorded
    values = {
      names  = ["/llac/dev/services/stager/previous", "/llac/dev/services/stager/sha256"]
      values = ["aaaa", "bbbb"]
    }
  }
  assert {
    condition     = aws_ssm_parameter.record["previous"].value == "bbbb"
    error_message = "The previous package is the one to roll back to."
  }
}

run "on_moto" {
  command = plan

  variables {
    local = true
  }
  assert {
    condition     = length(aws_sqs_queue_redrive_allow_policy.dead_letter) == 0
    error_message = "moto ignores the policy, and the provider would wait for it."
  }
}

run "a_customer_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  }
  assert {
    condition = (
      contains([for s in jsondecode(aws_iam_role_policy.this.policy).Statement : s.Sid], "UseKey") &&
      aws_lambda_function.this.kms_key_arn != null
    )
    error_message = "A role that reads objects under the key may use it."
  }
}

run "visibility_too_short" {
  command = plan

  variables {
    visibility_timeout = 900
  }
  expect_failures = [var.visibility_timeout]
}

run "concurrency_of_one" {
  command = plan

  variables {
    maximum_concurrency = 1
  }
  expect_failures = [var.maximum_concurrency]
}

run "reserved_without_a_quota" {
  command = plan

  variables {
    reserved_concurrency = 5
  }
  expect_failures = [aws_lambda_function.this]
}

run "reserved_in_a_new_account" {
  command = plan

  variables {
    reserved_concurrency = 5
    account_concurrency  = 10
  }
  expect_failures = [aws_lambda_function.this]
}

run "a_package_over_the_limit" {
  command = plan

  override_data {
    target = data.aws_s3_object.package
    values = {
      content_length = 60000000
      key            = "functions/stager/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.zip"
    }
  }
  expect_failures = [data.aws_s3_object.package]
}

run "another_package_than_the_digest" {
  command = plan

  variables {
    artifact_sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
  }
  expect_failures = [data.aws_s3_object.package]
}

run "an_invalid_key" {
  command = plan

  variables {
    artifact_key = "stager.zip"
  }
  expect_failures = [var.artifact_key]
}

run "a_wildcard_action" {
  command = plan

  variables {
    statements = "[{\"Sid\":\"All\",\"Effect\":\"Allow\",\"Action\":[\"s3:*\"],\"Resource\":[\"*\"]}]"
  }
  expect_failures = [var.statements]
}

run "simulated_data" {
  command = plan

  variables {
    environment = { LLAC_DATA_BUCKET = "a", LLAC_CONFIG_BUCKET = "b", LLAC_ALLOW_SIMULATED = "true" }
  }
  expect_failures = [var.environment]
}

run "a_missing_bucket" {
  command = plan

  variables {
    environment = { LLAC_DATA_BUCKET = "a" }
  }
  expect_failures = [var.environment]
}

run "no_subscriptions" {
  command = plan

  variables {
    subscriptions = {}
  }
  expect_failures = [var.subscriptions]
}

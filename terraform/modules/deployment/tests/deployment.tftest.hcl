mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
  mock_data "aws_s3_object" {
    defaults = {
      content_length = 7400000
      key            = "functions/quality-gate/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.zip"
    }
  }
  mock_data "aws_ssm_parameters_by_path" {
    defaults = { names = [], values = [] }
  }
  mock_data "aws_ssm_parameter" {
    defaults = { value = "none" }
  }
  mock_resource "aws_sqs_queue" {
    override_during = plan
    defaults = {
      arn = "arn:aws:sqs:eu-west-1:123456789012:llac-dev-mocked"
      url = "https://sqs.eu-west-1.amazonaws.com/123456789012/llac-dev-mocked"
    }
  }
  override_data {
    target = data.aws_ssm_parameter.shared["data_bucket"]
    values = { value = "llac-dev-data-123456789012" }
  }
  override_data {
    target = data.aws_ssm_parameter.shared["config_bucket"]
    values = { value = "llac-dev-config-123456789012" }
  }
}

override_data {
  target = data.aws_ssm_parameter.shared["alarms"]
  values = { value = "arn:aws:sns:eu-west-1:123456789012:llac-dev-alarms" }
}

override_data {
  target = data.aws_ssm_parameter.shared["topic"]
  values = { value = "arn:aws:sns:eu-west-1:123456789012:llac-dev-quality-gate" }
}

variables {
  service         = "quality-gate"
  env             = "dev"
  artifact_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
}

run "policy_without_reasons" {
  command = plan

  assert {
    condition     = alltrue([for s in local.statements : length(s.reason) > 0])
    error_message = "Every statement has a reason."
  }
  assert {
    condition     = contains(flatten([for s in local.statements : s.Resource]), "arn:aws:s3:::llac-dev-data-123456789012/staging/*")
    error_message = "Resources belong to this environment."
  }
}

run "bad_level_for_prod" {
  command = plan

  variables {
    env       = "prod"
    log_level = "debug"
  }
  expect_failures = [var.log_level]
}

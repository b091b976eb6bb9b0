data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  full_name = "llac-${var.env}-${var.name}"
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  # ARNs are composed of names, where another root makes the resource or a reference would close a circle.
  arn_of = { for service in ["sns", "sqs", "logs"] : service => "arn:${local.partition}:${service}:${local.region}:${local.account}" }

  visibility       = coalesce(var.visibility_timeout, 6 * var.timeout)
  max_receive      = var.max_receives + 10
  fourteen_days    = 14 * 24 * 3600
  twelve_days      = 12 * 24 * 3600
  package_limit    = 50 * 1024 * 1024
  concurrency_left = try(var.account_concurrency - var.reserved_concurrency, 100)
}

data "aws_s3_object" "package" {
  bucket = var.artifact_bucket
  key    = var.artifact_key

  lifecycle {
    postcondition {
      condition     = self.content_length > 0 && self.content_length <= local.package_limit
      error_message = "Package ${var.artifact_key}: ${self.content_length} bytes, more than the 50 MB that Lambda accepts, or none."
    }
    postcondition {
      condition     = endswith(self.key, "/${var.artifact_sha256}.zip")
      error_message = "The package's key does not contain artifact_sha256: they belong to different packages."
    }
  }
}

resource "aws_lambda_function" "this" {
  function_name = local.full_name
  description   = "Llac ${var.env}: ${var.name}, build ${var.artifact_version}"
  role          = aws_iam_role.this.arn

  package_type  = "Zip"
  runtime       = "provided.al2023"
  architectures = ["arm64"]
  handler       = "bootstrap"
  s3_bucket     = var.artifact_bucket
  s3_key        = data.aws_s3_object.package.key
  publish       = true

  memory_size                    = var.memory
  timeout                        = var.timeout
  reserved_concurrent_executions = coalesce(var.reserved_concurrency, -1)
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = merge(var.environment, {
      LLAC_ENV                   = var.env
      LLAC_QUEUE_URL             = aws_sqs_queue.this.url
      LLAC_DEAD_LETTER_QUEUE_URL = aws_sqs_queue.dead_letter.url
      LLAC_TOPIC_ARN             = var.topic_arn
      LLAC_MAX_RECEIVES          = tostring(var.max_receives)
      LLAC_LOG_LEVEL             = var.log_level
    })
  }

  ephemeral_storage {
    size = var.ephemeral_storage
  }

  tracing_config {
    mode = "Active"
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  lifecycle {
    precondition {
      condition     = var.reserved_concurrency == null || var.account_concurrency != null
      error_message = "reserved_concurrency needs account_concurrency, the account's quota. New accounts can reserve none of their 10."
    }
    precondition {
      condition = local.concurrency_left >= 100
      error_message = join(" ", [
        "Lambda requires 100 concurrent executions to stay unreserved; account_concurrency - reserved_concurrency is less.",
        "Request more quota (L-B99A9384), or reserve none: maximum_concurrency also limits the service.",
      ])
    }
  }

  # Without permissions for its queue and its logs the first invocations would fail. Lambda logs to the group of this name, as text: lines
  # stay as the service writes them, JSON in which CloudWatch finds the metrics.
  depends_on = [aws_iam_role_policy.this, aws_cloudwatch_log_group.this]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "The version that the event source mapping invokes."
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn        = aws_sqs_queue.this.arn
  function_name           = aws_lambda_alias.live.arn
  batch_size              = var.batch_size
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.maximum_concurrency
  }
}

resource "aws_lambda_function_recursion_config" "this" {
  count          = var.allow_recursion ? 1 : 0
  function_name  = aws_lambda_function.this.function_name
  recursive_loop = "Allow"
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${local.full_name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

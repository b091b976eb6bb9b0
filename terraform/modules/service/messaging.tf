# The service's queue, its dead-letter queue, and the queue of events that SNS could not deliver.

locals {
  insecure = { Bool = { "aws:SecureTransport" = "false" } }

  # Composed of names, so that one call creates the queue with its policy: the provider waits half a minute for each call.
  queue_arns = { for q in ["", "-dlq", "-undelivered"] : q => "${local.arn_of.sqs}:${local.full_name}${q}" }

  topic_arns = [for producer in sort(keys(var.subscriptions)) : "${local.arn_of.sns}:llac-${var.env}-${producer}"]

  queue_policies = {
    for q, arn in local.queue_arns : q => jsonencode({
      Version = "2012-10-17"
      Statement = concat(
        [{
          Sid       = "DenyInsecureTransport"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sqs:*"
          Resource  = arn
          Condition = local.insecure
        }],
        q == "-dlq" ? [] : [{
          Sid       = "TopicsOfLlac"
          Effect    = "Allow"
          Principal = { Service = "sns.amazonaws.com" }
          Action    = "sqs:SendMessage"
          Resource  = arn
          Condition = {
            ArnEquals    = { "aws:SourceArn" = local.topic_arns }
            StringEquals = { "aws:SourceAccount" = local.account }
          }
        }],
      )
    })
  }
}

resource "aws_sqs_queue" "this" {
  name                       = local.full_name
  visibility_timeout_seconds = local.visibility
  # Twelve days for a service that is down. A message that SQS moves keeps its age; two days remain in the dead-letter queue.
  message_retention_seconds = local.twelve_days
  receive_wait_time_seconds = 20
  sqs_managed_sse_enabled   = true
  policy                    = local.queue_policies[""]

  # The service sends a failed message to the dead-letter queue earlier, with a reason. This is for messages that kill their consumer.
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = local.max_receive
  })
}

resource "aws_sqs_queue" "dead_letter" {
  name                      = "${local.full_name}-dlq"
  message_retention_seconds = local.fourteen_days
  sqs_managed_sse_enabled   = true
  policy                    = local.queue_policies["-dlq"]
}

# Only the service's own queue may name it as its dead-letter queue.
resource "aws_sqs_queue_redrive_allow_policy" "dead_letter" {
  count     = var.local ? 0 : 1
  queue_url = aws_sqs_queue.dead_letter.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this.arn]
  })
}

resource "aws_sqs_queue" "undelivered" {
  name                      = "${local.full_name}-undelivered"
  message_retention_seconds = local.fourteen_days
  sqs_managed_sse_enabled   = true
  policy                    = local.queue_policies["-undelivered"]
}

resource "aws_sns_topic_subscription" "this" {
  for_each = var.subscriptions

  topic_arn            = "${local.arn_of.sns}:llac-${var.env}-${each.key}"
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.this.arn
  raw_message_delivery = true
  filter_policy_scope  = "MessageAttributes"
  filter_policy        = jsonencode({ type = each.value })
  redrive_policy       = jsonencode({ deadLetterTargetArn = aws_sqs_queue.undelivered.arn })
}

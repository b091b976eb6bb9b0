# A service in an environment: what the stacks have made is looked up by its SSM parameter, the rest follows from names.

module "conventions" {
  source = "../conventions"
  env    = var.env
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

data "aws_ssm_parameter" "shared" {
  for_each = local.shared
  name     = "${module.conventions.parameters}/${each.value}"
}

locals {
  shared = {
    data_bucket   = "storage/data_bucket"
    config_bucket = "storage/config_bucket"
    kms_key       = "storage/kms_key_arn"
    boundary      = "security/boundary_arn"
    vpc           = "security/vpc"
    topic         = "messaging/topic/${var.service}/arn"
    alarms        = "messaging/topic/alarms/arn"
  }
  found = { for k, p in data.aws_ssm_parameter.shared : k => nonsensitive(p.value) }
  # SSM keeps no empty value.
  present = { for k, v in local.found : k => v == "none" ? null : v }

  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  prefix    = module.conventions.prefix
  here      = { for s in ["glue", "logs", "sns", "sqs"] : s => "arn:${local.partition}:${s}:${local.region}:${local.account}" }
  database  = module.conventions.databases.staging

  size     = module.conventions.services[var.service]
  override = lookup(var.sizes, var.service, null)

  policy = jsondecode(templatefile("${path.module}/../../policies/${var.service}.json", {
    data_bucket        = "arn:${local.partition}:s3:::${local.found.data_bucket}"
    config_bucket      = "arn:${local.partition}:s3:::${local.found.config_bucket}"
    queue              = "${local.here.sqs}:${local.prefix}-${var.service}"
    dead_letter_queue  = "${local.here.sqs}:${local.prefix}-${var.service}-dlq"
    dead_letter_queues = "${local.here.sqs}:${local.prefix}-*-dlq"
    topic              = "${local.here.sns}:${local.prefix}-${var.service}"
    log_group          = "${local.here.logs}:log-group:/aws/lambda/${local.prefix}-${var.service}"
    glue_catalog       = "${local.here.glue}:catalog"
    glue_database      = "${local.here.glue}:database/${local.database}"
    glue_tables        = "${local.here.glue}:table/${local.database}/*"
  }))
}

module "service" {
  source = "../service"

  name  = var.service
  env   = var.env
  local = var.local

  artifact_bucket  = "llac-artifacts-${local.account}"
  artifact_key     = coalesce(var.artifact_key, "functions/${var.service}/${var.artifact_sha256}.zip")
  artifact_sha256  = var.artifact_sha256
  artifact_version = var.artifact_version
  event_types = var.event_types != null ? var.event_types : {
    consumes = module.conventions.flow[var.service].consumes
    emits    = module.conventions.flow[var.service].emits
    build    = var.artifact_version
  }

  memory               = try(coalesce(local.override.memory), local.size.memory)
  timeout              = try(coalesce(local.override.timeout), local.size.timeout)
  ephemeral_storage    = try(coalesce(local.override.ephemeral_storage), local.size.ephemeral_storage)
  maximum_concurrency  = try(coalesce(local.override.maximum_concurrency), local.size.maximum_concurrency)
  batch_size           = local.size.batch_size
  allow_recursion      = local.size.allow_recursion
  reserved_concurrency = lookup(var.reserved_concurrency, var.service, null)
  account_concurrency  = var.account_concurrency

  max_receives    = module.conventions.max_receives
  subscriptions   = module.conventions.subscriptions[var.service]
  topic_arn       = local.found.topic
  alarm_topic_arn = local.found.alarms

  environment = merge(
    { LLAC_DATA_BUCKET = local.found.data_bucket, LLAC_CONFIG_BUCKET = local.found.config_bucket },
    local.size.glue ? { LLAC_GLUE_DATABASE = local.database } : {},
  )

  # Reasons are for people; IAM takes no other keys than its own.
  statements               = jsonencode([for s in local.policy.statements : { for k, v in s : k => v if !contains(["reason", "by"], k) }])
  architecture_name        = local.policy.architecture_name
  permissions_boundary_arn = local.present.boundary
  kms_key_arn              = local.present.kms_key
  vpc                      = try(jsondecode(local.found.vpc), null)

  log_level                    = var.log_level
  log_retention_days           = var.log_retention_days
  oldest_message_alarm_minutes = var.oldest_message_alarm_minutes
}

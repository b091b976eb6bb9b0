# A service in an environment. What the stacks made is read from SSM parameters; the rest follows from names.

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
  # SSM stores no empty value.
  present = { for k, v in local.found : k => v == "none" ? null : v }

  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  prefix    = module.conventions.prefix
  here      = { for s in ["glue", "logs", "sns", "sqs"] : s => "arn:${local.partition}:${s}:${local.region}:${local.account}" }
  database  = module.conventions.databases.staging

  size     = module.conventions.services[var.service]
  override = lookup(var.sizes, var.service, null)

  # What the policies' templates may name.
  words = {
    service            = var.service
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
  }

  # A service's role has the statements of common.json and its own. An own statement replaces the common one of the same Sid. A service that
  # needs nothing else has no file.
  nothing  = jsonencode({ architecture_name = "", statements = [] })
  own_file = "${path.module}/../../policies/${var.service}.json"
  policy   = jsondecode(fileexists(local.own_file) ? templatefile(local.own_file, local.words) : local.nothing)
  common   = jsondecode(templatefile("${path.module}/../../policies/common.json", local.words))

  own_sids   = [for s in local.policy.statements : s.Sid]
  statements = concat(local.policy.statements, [for s in local.common.statements : s if !contains(local.own_sids, s.Sid)])
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

  memory               = try(coalesce(local.override.memory), local.size.memory_mb)
  timeout              = try(coalesce(local.override.timeout), local.size.timeout_s)
  ephemeral_storage    = try(coalesce(local.override.ephemeral_storage), local.size.ephemeral_storage_mb)
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

  # IAM rejects keys that are not its own.
  statements               = jsonencode([for s in local.statements : { for k, v in s : k => v if !contains(["reason", "by"], k) }])
  architecture_name        = local.policy.architecture_name
  permissions_boundary_arn = local.present.boundary
  kms_key_arn              = local.present.kms_key
  vpc                      = try(jsondecode(local.found.vpc), null)

  log_level                    = var.log_level
  log_retention_days           = var.log_retention_days
  oldest_message_alarm_minutes = var.oldest_message_alarm_minutes
}

provider "aws" {
  region = var.region
  # moto has no host names for buckets.
  s3_use_path_style = var.local

  default_tags {
    tags = module.conventions.tags
  }
}

module "conventions" {
  source = "../../modules/conventions"
  env    = var.env
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  account    = data.aws_caller_identity.current.account_id
  prefix     = module.conventions.prefix
  log_groups = "arn:${data.aws_partition.current.partition}:logs:${var.region}:${local.account}:log-group:/aws/lambda/${local.prefix}-*"
  buckets    = { for thing in ["data", "athena-results", "config"] : thing => "${local.prefix}-${thing}-${local.account}" }

  data_arn = "arn:${data.aws_partition.current.partition}:s3:::${local.buckets.data}"
  key_arn  = one(aws_kms_key.lake[*].arn)

  # Retention of the lake, by prefix (docs/architecture.md). No rule deletes a current object: lifecycle days count from an object's
  # creation, so that a snapshot published long ago and superseded today would be deleted today. The landing-janitor deletes by version
  # id, with evidence. Noncurrent versions arise where a document is overwritten, or deleted by hand.
  retention = [
    { prefix = "landing/", noncurrent_days = 1 },                    # the shortest time that S3 supports
    { prefix = "staging/", standard_ia = 30, noncurrent_days = 90 }, # a mistake can be undone for 90 days
    { prefix = "marts/", standard_ia = 30, noncurrent_days = 90 },
    { prefix = "quarantine/", noncurrent_days = 1 }, # may contain what must not be kept
    { prefix = "archive/", noncurrent_days = 1 },    # so may the archive of a dataset with personal fields
    { prefix = "state/", noncurrent_days = 90 },     # earlier pointers and cursors
    { prefix = "quality/", noncurrent_days = 90 },
    { prefix = "evidence/", noncurrent_days = 90 },
    { prefix = "runs/", noncurrent_days = 90 },
    { prefix = "dead-letters/", noncurrent_days = 90 },
  ]
}

module "data" {
  source = "../../modules/bucket"

  name                  = local.buckets.data
  kms_key_arn           = local.key_arn
  transfer_acceleration = var.transfer_acceleration
  rules                 = local.retention
  policy_statements     = [for s in local.layer_statements : jsonencode(s)]
}

module "athena_results" {
  source = "../../modules/bucket"

  name        = local.buckets["athena-results"]
  kms_key_arn = local.key_arn
  # A result is a copy; the query returns it again.
  rules = [{ prefix = "", expiration = 7, noncurrent_days = 1 }]
}

# The bucket of the contracts, the architecture's database of API schemas and configurations.
module "config" {
  source = "../../modules/bucket"

  name        = local.buckets.config
  kms_key_arn = local.key_arn
  # Contracts are immutable under their digest. Earlier states of the index, which lists those in force, are kept for a year.
  rules = [{ prefix = "", noncurrent_days = 365 }]
}

resource "aws_kms_key" "lake" {
  count                   = var.kms ? 1 : 0
  description             = "Llac ${var.env}: buckets, logs and the functions' environment"
  enable_key_rotation     = true
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "ByPoliciesOfTheAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.region}.amazonaws.com" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = local.log_groups } }
      },
      {
        Sid       = "AlarmsAndNotices"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "events.amazonaws.com", "budgets.amazonaws.com"] }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
    ]
  })

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "lake" {
  count         = var.kms ? 1 : 0
  name          = "alias/${local.prefix}-lake"
  target_key_id = aws_kms_key.lake[0].key_id
}

# Only the databases: the quality gate creates the tables, which follow the pointers.
resource "aws_glue_catalog_database" "this" {
  for_each     = module.conventions.databases
  name         = each.value
  description  = "Llac ${var.env}: ${each.key}. The quality gate and the marts build create its tables; do not create any by hand."
  location_uri = "s3://${local.buckets.data}/${each.key}/"
}

resource "aws_athena_workgroup" "this" {
  name        = local.prefix
  description = "Queries of ${var.env}, limited to ${var.scan_limit_gib} GiB scanned per query."
  state       = "ENABLED"

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = floor(var.scan_limit_gib * 1024 * 1024 * 1024)
    requester_pays_enabled             = false

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location       = "s3://${module.athena_results.name}/results/"
      expected_bucket_owner = local.account

      encryption_configuration {
        encryption_option = var.kms ? "SSE_KMS" : "SSE_S3"
        kms_key_arn       = local.key_arn
      }
    }
  }

  # Its deletion loses only queries in progress.
  force_destroy = true

  # moto fails without tags, although the provider adds its default tags.
  tags = { workgroup = local.prefix }
}

resource "aws_ssm_parameter" "this" {
  for_each = {
    data_bucket       = module.data.name
    athena_bucket     = module.athena_results.name
    config_bucket     = module.config.name
    kms_key_arn       = coalesce(local.key_arn, "none") # SSM stores no empty value
    staging_database  = aws_glue_catalog_database.this["staging"].name
    marts_database    = aws_glue_catalog_database.this["marts"].name
    athena_workgroup  = aws_athena_workgroup.this.name
    retention_by_rule = jsonencode({ for r in local.retention : trimsuffix(r.prefix, "/") => { for k, v in r : k => v if k != "prefix" } })
  }

  name        = "${module.conventions.parameters}/storage/${each.key}"
  description = "Written by stacks/storage for the other roots."
  type        = "String"
  value       = each.value
}

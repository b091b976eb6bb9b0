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
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  prefix    = module.conventions.prefix
  here = {
    for s in ["athena", "cloudwatch", "glue", "lambda", "logs", "sns", "sqs", "ssm"] :
    s => "arn:${local.partition}:${s}:${var.region}:${local.account}"
  }
  iam = "arn:${local.partition}:iam::${local.account}"
  s3  = "arn:${local.partition}:s3:::"

  # What the policies' templates may name. All of it follows from the rule of names, so that this stack depends on no other.
  words = {
    env              = var.env
    prefix           = local.prefix
    region           = var.region
    account          = local.account
    iam              = local.iam
    data_bucket      = "${local.s3}${local.prefix}-data-${local.account}"
    config_bucket    = "${local.s3}${local.prefix}-config-${local.account}"
    results_bucket   = "${local.s3}${local.prefix}-athena-results-${local.account}"
    state_bucket     = "${local.s3}llac-state-${local.account}"
    artifacts_bucket = "${local.s3}llac-artifacts-${local.account}"
    queues           = "${local.here.sqs}:${local.prefix}-*"
    topics           = "${local.here.sns}:${local.prefix}-*"
    operator_topic   = "${local.here.sns}:${local.prefix}-operator"
    functions        = "${local.here.lambda}:function:${local.prefix}-*"
    mappings         = "${local.here.lambda}:event-source-mapping:*"
    log_groups       = "${local.here.logs}:log-group:/aws/lambda/${local.prefix}-*"
    all_log_groups   = "${local.here.logs}:log-group:*"
    alarms           = "${local.here.cloudwatch}:alarm:${local.prefix}-*"
    parameters       = "${local.here.ssm}:parameter${module.conventions.parameters}"
    workgroup        = "${local.here.athena}:workgroup/${local.prefix}"
    glue_catalog     = "${local.here.glue}:catalog"
    staging_database = "${local.here.glue}:database/${module.conventions.databases.staging}"
    staging_tables   = "${local.here.glue}:table/${module.conventions.databases.staging}/*"
    marts_database   = "${local.here.glue}:database/${module.conventions.databases.marts}"
    marts_tables     = "${local.here.glue}:table/${module.conventions.databases.marts}/*"
    boundary         = "${local.iam}:policy/${local.prefix}-boundary"
  }

  # The statements of policies/<name>.json, without the reasons, which IAM does not accept.
  rendered = {
    for name in ["archive", "athena-query", "boundary", "cloudwatch-logs", "dbt", "deploy", "operator", "plan", "s3-data-lake"] :
    name => jsondecode(templatefile("${path.module}/../../policies/${name}.json", local.words)).statements
  }
  statements = {
    for name, all in local.rendered : name => [for s in all : { for k, v in s : k => v if !contains(["reason", "by"], k) }]
  }
  documents = { for name, s in local.statements : name => jsonencode({ Version = "2012-10-17", Statement = s }) }
}

# Policies that several roles share, by the architecture's names.
resource "aws_iam_policy" "shared" {
  for_each = {
    s3-data-lake    = { architecture_name = "S3DataLakePolicy", why = "Reads what is published of the lake." }
    athena-query    = { architecture_name = "AthenaQueryPolicy", why = "Queries in the environment's workgroup, under its scan limit." }
    cloudwatch-logs = { architecture_name = "CloudWatchLogsPolicy", why = "Reads the services' logs, metrics and alarms." }
    boundary        = { architecture_name = "", why = "Permissions boundary of the services' roles." }
  }

  name        = "${local.prefix}-${each.key}"
  description = each.value.why
  policy      = local.documents[each.key]
  tags        = each.value.architecture_name == "" ? {} : { architecture_name = each.value.architecture_name }
}

resource "aws_ssm_parameter" "this" {
  for_each = merge(
    {
      boundary_arn = aws_iam_policy.shared["boundary"].arn
      # SSM stores no empty value.
      vpc = !var.vpc ? "none" : jsonencode({
        subnet_ids         = module.network[0].subnet_ids
        security_group_ids = [module.network[0].security_group_id]
      })
    },
    { for name, role in aws_iam_role.this : "role/${name}" => role.arn },
    # The services' own root creates their roles; the names are known.
    { for service in keys(module.conventions.services) : "role/${service}" => "${local.iam}:role/${local.prefix}-${service}" },
  )

  name        = "${module.conventions.parameters}/security/${each.key}"
  description = "Written by stacks/security for the other roots."
  type        = "String"
  value       = each.value
}

module "network" {
  source = "../../modules/network"
  count  = var.vpc ? 1 : 0

  name = local.prefix
  cidr = var.vpc_cidr
}

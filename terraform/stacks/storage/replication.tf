# A second copy, in another region, of what cannot be rebuilt. Landing, quarantine, dead letters and archives with personal fields are never
# copied. Deletes are not replicated: the copy survives a mistake, and has a lifecycle of its own.

locals {
  # The contracts state what is personal; there is no second list. Replication has no filter that excludes, so that the archives to copy are
  # listed, and one without a contract is not copied. A new dataset is replicated from the next apply.
  contract_folder = coalesce(var.contracts, "${path.module}/../../../datasets")
  contracts = {
    for f in fileset(local.contract_folder, var.replica_region == null ? "none" : "*.odcs.yaml") :
    trimsuffix(f, ".odcs.yaml") => yamldecode(file("${local.contract_folder}/${f}"))
  }
  # Personal fields are listed in llacUnstaged, and in contracts of earlier versions among the properties.
  fields = {
    for dataset, c in local.contracts : dataset => flatten([
      for s in c.schema : concat(s.properties, flatten([
        for custom in try(s.customProperties, []) : custom.value if custom.property == "llacUnstaged"
      ]))
    ])
  }
  without_personal = [
    for dataset, fields in local.fields : dataset
    if alltrue([for f in fields : contains(["public", "internal"], lookup(f, "classification", "public"))])
  ]

  replicated = var.replica_region == null ? [] : concat(
    ["staging/", "marts/", "state/", "evidence/", "quality/", "runs/"],
    [for d in sort(local.without_personal) : "archive/${d}/"],
  )
  replicates     = var.replica_region == null ? 0 : 1
  replica_bucket = "${local.prefix}-replica-${local.account}"
}

provider "aws" {
  alias             = "replica"
  region            = coalesce(var.replica_region, var.region)
  s3_use_path_style = var.local

  default_tags {
    tags = module.conventions.tags
  }
}

module "replica" {
  source    = "../../modules/bucket"
  count     = local.replicates
  providers = { aws = aws.replica }

  name  = local.replica_bucket
  rules = [{ prefix = "", standard_ia = 30, noncurrent_days = 90 }]
}

resource "aws_iam_role" "replication" {
  count       = local.replicates
  name        = "${local.prefix}-replication"
  description = "S3 copies the listed prefixes to ${local.replica_bucket}."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "S3"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "replication" {
  count = local.replicates
  name  = "statements"
  role  = aws_iam_role.replication[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for s in jsondecode(templatefile("${path.module}/../../policies/replication.json", {
      data_bucket    = local.data_arn
      replica_bucket = module.replica[0].arn
    })).statements : { for k, v in s : k => v if !contains(["reason", "by"], k) }]
  })
}

resource "aws_s3_bucket_replication_configuration" "this" {
  count  = local.replicates
  bucket = module.data.name
  role   = aws_iam_role.replication[0].arn

  dynamic "rule" {
    for_each = { for i, p in local.replicated : p => i }

    content {
      id       = trimsuffix(replace(rule.key, "/", "-"), "-")
      priority = rule.value
      status   = "Enabled"

      filter {
        prefix = rule.key
      }

      delete_marker_replication {
        status = "Disabled"
      }

      destination {
        bucket        = module.replica[0].arn
        storage_class = "STANDARD_IA"
      }
    }
  }

  lifecycle {
    precondition {
      condition     = length(local.contracts) > 0
      error_message = "No contract (*.odcs.yaml) in ${local.contract_folder}, so that no archive would be replicated. Set contracts."
    }
    precondition {
      condition     = !var.kms
      error_message = "Set kms or replica_region, not both: replication would need a key in the other region."
    }
  }
}

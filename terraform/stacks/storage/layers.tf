# Which roles write and delete which layer, and which read raw rows. The roles' own policies state it again from the other side, so that a
# mistake in one of the two grants nothing. runs/ and state/ are left to the policies: every service writes there.

locals {
  role_prefix = "arn:${data.aws_partition.current.partition}:iam::${local.account}:role/${module.conventions.prefix}"
  roles       = { for r in concat(keys(module.conventions.services), ["operator", "dbt", "archive"]) : r => "${local.role_prefix}-${r}" }

  writers = {
    landing      = ["fetcher", "operator"] # llac ingest lands what a person downloaded
    staging      = ["stager"]
    quarantine   = ["stager"]
    quality      = ["quality-gate"]
    archive      = ["landing-janitor"]
    evidence     = ["landing-janitor"]
    dead-letters = ["landing-janitor"]
    marts        = ["dbt"]
  }

  # Invariant 8: only these roles read raw rows, whatever their policies allow others.
  raw_readers = {
    landing    = ["fetcher", "validator", "stager", "landing-janitor", "archive", "operator"]
    archive    = ["landing-janitor", "archive"]
    quarantine = ["stager", "archive"]
  }

  layer_statements = concat(
    [
      for layer, who in local.writers : {
        Sid       = "Write${replace(title(replace(layer, "-", " ")), " ", "")}"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["s3:PutObject"]
        Resource  = ["${local.data_arn}/${layer}/*"]
        Condition = { ArnNotLike = { "aws:PrincipalArn" = concat([for r in who : local.roles[r]], var.break_glass) } }
      }
    ],
    [
      for layer, who in local.raw_readers : {
        Sid       = "ReadRaw${title(layer)}"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource  = ["${local.data_arn}/${layer}/*"]
        Condition = { ArnNotLike = { "aws:PrincipalArn" = concat([for r in who : local.roles[r]], var.break_glass) } }
      }
    ],
    [{
      # A plain delete keeps the bytes and hides them; no role needs it.
      Sid       = "DeleteByTheJanitorAlone"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
      Resource  = ["${local.data_arn}/*"]
      Condition = { ArnNotLike = { "aws:PrincipalArn" = concat([local.roles["landing-janitor"], local.roles["dbt"]], var.break_glass) } }
    }],
    [
      for id in sort(tolist(var.reader_account_ids)) : {
        Sid       = "ReadFrom${id}"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${id}:root" }
        Action    = ["s3:GetObject"]
        Resource  = ["${local.data_arn}/marts/*", "${local.data_arn}/state/marts/*"]
      }
    ],
  )
}

# Who writes and deletes which layer, and who reads raw rows. The roles' own policies say the same from the other side: a mistake in one
# of the two opens nothing.

locals {
  roles = { for r in concat(keys(module.conventions.services), ["operator", "dbt", "archive"]) : r => "arn:${data.aws_partition.current.partition}:iam::${local.account}:role/${module.conventions.prefix}-${r}" }

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

  # Invariant 8: raw rows are read by roles that are allowed to, and by nobody else however much he may.
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
      # A plain delete keeps the bytes and hides them; nobody needs it.
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

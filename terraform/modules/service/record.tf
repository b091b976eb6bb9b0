# What is deployed, for llac deploy check and for rollbacks. The previous package is read from the record before the record is written, so
# that an apply of the deployed package changes nothing.

data "aws_ssm_parameters_by_path" "recorded" {
  path = local.record
}

locals {
  record   = "/llac/${var.env}/services/${var.name}"
  recorded = zipmap(data.aws_ssm_parameters_by_path.recorded.names, nonsensitive(data.aws_ssm_parameters_by_path.recorded.values))
  running  = lookup(local.recorded, "${local.record}/sha256", "none")

  event_types = var.event_types == null ? { consumes = [], emits = [], build = "" } : var.event_types

  records = {
    version  = var.artifact_version
    sha256   = var.artifact_sha256
    previous = local.running == var.artifact_sha256 ? lookup(local.recorded, "${local.record}/previous", "none") : local.running
    event_types = jsonencode({
      consumes = local.event_types.consumes
      emits    = local.event_types.emits
      build    = local.event_types.build == "" ? var.artifact_version : local.event_types.build
    })
  }
}

resource "aws_ssm_parameter" "record" {
  for_each = local.records

  name        = "${local.record}/${each.key}"
  description = "Deploy record of ${var.name} in ${var.env}."
  type        = "String"
  value       = each.value

  # The record never runs ahead of the function: the alias moves first.
  depends_on = [aws_lambda_alias.live]
}

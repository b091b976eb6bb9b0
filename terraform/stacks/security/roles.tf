locals {
  github = "token.actions.githubusercontent.com"
  # Trust policies by role. A role that no principal may take is not created.
  by_people = { for who, principals in { operator = var.operator_principals, archive = var.archive_principals } : who => {
    Sid       = "People"
    Effect    = "Allow"
    Principal = { AWS = principals }
    Action    = "sts:AssumeRole"
    Condition = { Bool = { "aws:MultiFactorAuthPresent" = "true" } }
  } if length(principals) > 0 }

  by_github = var.github_repository == null ? {} : { for who, subject in {
    dbt = "repo:${var.github_repository}:environment:${var.env}"
    # The rules of the GitHub environment decide which branches may deploy, and who must approve.
    github-actions = "repo:${var.github_repository}:environment:${var.env}"
    github-plan    = "repo:${var.github_repository}:ref:refs/heads/${var.github_branch}"
    } : who => {
    Sid       = "GitHub"
    Effect    = "Allow"
    Principal = { Federated = "${local.iam}:oidc-provider/${local.github}" }
    Action    = "sts:AssumeRoleWithWebIdentity"
    Condition = { StringEquals = { "${local.github}:aud" = "sts.amazonaws.com", "${local.github}:sub" = subject } }
  } }

  by_accounts = length(var.reader_account_ids) == 0 ? {} : {
    reader = {
      Sid       = "OtherAccounts"
      Effect    = "Allow"
      Principal = { AWS = [for id in sort(tolist(var.reader_account_ids)) : "arn:${local.partition}:iam::${id}:root"] }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "sts:ExternalId" = coalesce(var.reader_external_id, "${local.prefix}-reader") } }
    }
  }

  about = {
    operator = {
      policy = "operator", shared = ["cloudwatch-logs", "athena-query", "s3-data-lake"], name = "",
      why    = "Operates Llac: requests runs, replays dead letters, lands files by hand, publishes contracts."
    }
    archive        = { policy = "archive", shared = [], name = "", why = "Reads raw pages, personal fields included." }
    dbt            = { policy = "dbt", shared = ["s3-data-lake"], name = "DBTExecutionRole", why = "Builds the marts." }
    github-actions = { policy = "deploy", shared = [], name = "GitHubActionsRole", why = "Deploys services, but no stack." }
    github-plan    = { policy = "plan", shared = [], name = "GitHubActionsRole / plan", why = "Plans services; changes nothing." }
    reader = {
      policy = null, shared = ["s3-data-lake", "athena-query"], name = "CrossAccountReadRole",
      why    = "Other accounts read what is published."
    }
  }
  trusts = merge(local.by_people, local.by_github, local.by_accounts)
}

resource "aws_iam_role" "this" {
  for_each = local.trusts

  name                 = "${local.prefix}-${each.key}"
  description          = local.about[each.key].why
  max_session_duration = 3600
  assume_role_policy   = jsonencode({ Version = "2012-10-17", Statement = [each.value] })
  tags                 = local.about[each.key].name == "" ? {} : { architecture_name = local.about[each.key].name }
}

resource "aws_iam_role_policy" "this" {
  for_each = { for who in keys(local.trusts) : who => local.about[who].policy if local.about[who].policy != null }

  name   = "statements"
  role   = aws_iam_role.this[each.key].id
  policy = local.documents[each.value]
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = merge([
    for who in keys(local.trusts) : { for shared in local.about[who].shared : "${who}/${shared}" => { role = who, policy = shared } }
  ]...)

  role       = aws_iam_role.this[each.value.role].name
  policy_arn = aws_iam_policy.shared[each.value.policy].arn
}

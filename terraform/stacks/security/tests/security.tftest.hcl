mock_provider "aws" {
  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "123456789012" }
  }
  override_data {
    target = data.aws_partition.current
    values = { partition = "aws" }
  }
  mock_resource "aws_iam_policy" {
    override_during = plan
    defaults        = { arn = "arn:aws:iam::123456789012:policy/llac-dev-mocked" }
  }
  mock_resource "aws_iam_role" {
    override_during = plan
    defaults        = { arn = "arn:aws:iam::123456789012:role/llac-dev-mocked" }
  }
}

variables {
  env = "dev"
}

run "no_roles_by_default" {
  command = plan

  assert {
    condition = (
      length(aws_iam_role.this) == 0 &&
      toset(keys(aws_iam_policy.shared)) == toset(["s3-data-lake", "athena-query", "cloudwatch-logs", "boundary"])
    )
    error_message = "A role that no principal may take is not created."
  }
  assert {
    condition     = aws_ssm_parameter.this["vpc"].value == "none" && length(module.network) == 0
    error_message = "By default there is no VPC."
  }
  assert {
    condition     = alltrue([for d in values(local.documents) : length(d) <= 6144])
    error_message = "IAM accepts policies of at most 6144 characters."
  }
}

run "github" {
  command = plan

  variables {
    github_repository = "llac-project/llac"
  }
  assert {
    condition = {
      for name, r in aws_iam_role.this :
      name => jsondecode(r.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"]
      } == {
      dbt            = "repo:llac-project/llac:environment:dev"
      github-actions = "repo:llac-project/llac:environment:dev"
      github-plan    = "repo:llac-project/llac:ref:refs/heads/main"
    }
    error_message = "Deploys are bound to the environment, plans to the branch."
  }
  assert {
    condition = (
      alltrue([for r in values(aws_iam_role.this) :
        jsondecode(r.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:aud"] ==
      "sts.amazonaws.com"])
    )
    error_message = "The token's audience is AWS."
  }
  assert {
    condition = (
      aws_iam_role.this["github-actions"].tags["architecture_name"] == "GitHubActionsRole" &&
      aws_iam_role.this["dbt"].tags["architecture_name"] == "DBTExecutionRole"
    )
    error_message = "Roles have the architecture's names as tags."
  }
}

run "deploys_within_the_boundary" {
  command = plan

  variables {
    github_repository = "llac-project/llac"
  }
  assert {
    condition = (
      one([for s in jsondecode(aws_iam_role_policy.this["github-actions"].policy).Statement :
      s.Condition.StringEquals["iam:PermissionsBoundary"] if contains(s.Action, "iam:CreateRole")]) ==
      "arn:aws:iam::123456789012:policy/llac-dev-boundary"
    )
    error_message = "A workflow creates no role without the boundary."
  }
}

run "people_with_a_second_factor" {
  command = plan

  variables {
    operator_principals = ["arn:aws:iam::123456789012:user/anna"]
    archive_principals  = ["arn:aws:iam::123456789012:user/anna"]
  }
  assert {
    condition = (
      alltrue([for r in values(aws_iam_role.this) :
      jsondecode(r.assume_role_policy).Statement[0].Condition.Bool["aws:MultiFactorAuthPresent"] == "true"])
    )
    error_message = "People need a second factor."
  }
}

run "other_accounts" {
  command = plan

  variables {
    reader_account_ids = ["210987654321"]
  }
  assert {
    condition = (
      jsondecode(aws_iam_role.this["reader"].assume_role_policy).Statement[0].Condition.StringEquals["sts:ExternalId"] ==
      "llac-dev-reader"
    )
    error_message = "Another account must give the external id."
  }
}

run "a_vpc" {
  command = plan

  variables {
    vpc = true
  }
  override_module {
    target  = module.network
    outputs = { subnet_ids = ["subnet-1", "subnet-2"], security_group_id = "sg-1", address = "192.0.2.1" }
  }
  assert {
    condition = (
      jsondecode(aws_ssm_parameter.this["vpc"].value) == { subnet_ids = ["subnet-1", "subnet-2"], security_group_ids = ["sg-1"] }
    )
    error_message = "The functions get the subnets and the security group."
  }
}

run "a_wildcard_branch" {
  command = plan

  variables {
    github_branch = "*"
  }
  expect_failures = [var.github_branch]
}

run "no_repository" {
  command = plan

  variables {
    github_repository = "llac-project/*"
  }
  expect_failures = [var.github_repository]
}

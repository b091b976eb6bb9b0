# Applied once per account, for all environments: the buckets of the states and of the packages, and GitHub's OpenID Connect provider.

provider "aws" {
  region            = var.region
  s3_use_path_style = var.local

  default_tags {
    tags = { project = "llac", managed_by = "terraform" }
  }
}

data "aws_caller_identity" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
}

module "state" {
  source = "../modules/bucket"

  name  = "llac-state-${local.account}"
  rules = [{ prefix = "", noncurrent_days = 365 }]
}

module "artifacts" {
  source = "../modules/bucket"

  name = "llac-artifacts-${local.account}"
  # Packages are never deleted: a rollback needs them, and a hundred of them cost cents.
  rules = [{ prefix = "", noncurrent_days = 30 }]
}

resource "aws_iam_openid_connect_provider" "github" {
  count          = var.github ? 1 : 0
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
  # AWS trusts GitHub by its certificate authority and reads no thumbprint, but the argument may not be empty.
  thumbprint_list = ["6938fd4d98bab03faadb97b34396831e3780aea1"]
}

resource "aws_ce_cost_allocation_tag" "this" {
  for_each = var.cost_allocation_tags ? toset(["project", "environment", "service"]) : toset([])
  tag_key  = each.value
  status   = "Active"
}

mock_provider "aws" {
  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "123456789012" }
  }
  override_data {
    target = data.aws_partition.current
    values = { partition = "aws" }
  }
}

mock_provider "aws" {
  alias = "replica"
}

variables {
  env = "dev"
}

run "retention" {
  command = plan

  assert {
    condition     = alltrue([for r in module.data.rules : r.expiration == null])
    error_message = "No rule deletes a current object of the lake: lifecycle days do not count from when a snapshot was superseded."
  }
  assert {
    condition = (
      { for r in module.data.rules : r.prefix => r.standard_ia if r.standard_ia != null } == { "staging/" = 30, "marts/" = 30 }
    )
    error_message = "Only staging and marts move to Standard-IA after 30 days."
  }
  assert {
    condition = (
      alltrue([for r in module.data.rules : r.noncurrent_days == 1 if contains(["landing/", "quarantine/", "archive/"], r.prefix)])
    )
    error_message = "Landing and other layers that may contain personal fields keep no noncurrent version."
  }
  assert {
    condition = (
      toset([for r in module.data.rules : r.prefix]) == toset(["landing/", "staging/", "marts/", "quarantine/", "quality/",
      "archive/", "evidence/", "state/", "runs/", "dead-letters/"])
    )
    error_message = "Every prefix of the lake has a rule of retention."
  }
}

run "layers" {
  command = plan

  assert {
    condition     = toset([for s in local.layer_statements : s.Effect]) == toset(["Deny"])
    error_message = "The bucket policy only denies: the roles' own policies allow."
  }
  assert {
    condition = (
      one([for s in local.layer_statements : s.Condition.ArnNotLike["aws:PrincipalArn"] if s.Sid == "WriteStaging"]) ==
      ["arn:aws:iam::123456789012:role/llac-dev-stager"]
    )
    error_message = "Only the stager writes staging."
  }
  assert {
    condition = (
      !contains(one([for s in local.layer_statements : s.Condition.ArnNotLike["aws:PrincipalArn"] if s.Sid == "ReadRawArchive"]),
      "arn:aws:iam::123456789012:role/llac-dev-dbt")
    )
    error_message = "The marts build does not read raw pages."
  }
  assert {
    condition = (
      contains(one([for s in local.layer_statements : s.Condition.ArnNotLike["aws:PrincipalArn"] if s.Sid ==
      "DeleteByTheJanitorAlone"]), "arn:aws:iam::123456789012:role/llac-dev-landing-janitor")
    )
    error_message = "The landing-janitor deletes."
  }
}

run "other_accounts" {
  command = plan

  variables {
    reader_account_ids = ["210987654321"]
  }
  assert {
    condition = (
      [for s in local.layer_statements : s.Resource if s.Effect == "Allow"] == [["arn:aws:s3:::llac-dev-data-123456789012/marts/*",
      "arn:aws:s3:::llac-dev-data-123456789012/state/marts/*"]]
    )
    error_message = "Another account reads only marts and their pointer."
  }
}

run "athena" {
  command = plan

  assert {
    condition = (
      aws_athena_workgroup.this.configuration[0].bytes_scanned_cutoff_per_query == 1073741824 &&
      aws_athena_workgroup.this.configuration[0].enforce_workgroup_configuration
    )
    error_message = "The scan limit applies whatever the client requests."
  }
  assert {
    condition = (
      aws_athena_workgroup.this.configuration[0].result_configuration[0].encryption_configuration[0].encryption_option == "SSE_S3"
    )
    error_message = "Results are encrypted."
  }
}

run "replication" {
  command = plan

  variables {
    replica_region = "eu-central-1"
  }
  assert {
    condition = (
      alltrue([for p in output.replicated : !can(regex("^(landing|quarantine|dead-letters)/", p)) && p != "archive/"]) &&
      contains(output.replicated, "archive/municipalities/")
    )
    error_message = "Landing, quarantine and dead letters are never copied, and archives only by dataset."
  }
  assert {
    condition = (
      !contains(output.replicated, "archive/social_services/") &&
      length([for p in output.replicated : p if startswith(p, "archive/")]) == length(fileset(local.contract_folder, "*.odcs.yaml")) - 1
    )
    error_message = "The archive of social services has names and addresses of people and is never copied; all others are."
  }
  assert {
    condition = (
      alltrue([for r in aws_s3_bucket_replication_configuration.this[0].rule : r.delete_marker_replication[0].status == "Disabled"])
    )
    error_message = "The replica keeps what is deleted by mistake."
  }
}

run "personal_fields_of_any_form" {
  command = plan

  variables {
    replica_region = "eu-central-1"
    contracts      = "../stacks/storage/tests/earlier" # from the folder of the suite: test/terraform
  }
  assert {
    condition     = join(" ", [for p in output.replicated : p if startswith(p, "archive/")]) == "archive/open/"
    error_message = "A personal field keeps the archive from being copied, wherever the contract lists it."
  }
}

run "missing_contracts" {
  command = plan

  variables {
    replica_region = "eu-central-1"
    contracts      = "./tests"
  }
  expect_failures = [aws_s3_bucket_replication_configuration.this]
}

run "no_replica_with_a_key" {
  command = plan

  variables {
    replica_region = "eu-central-1"
    kms            = true
  }
  expect_failures = [aws_s3_bucket_replication_configuration.this]
}

run "transfer_acceleration" {
  command = plan

  variables {
    transfer_acceleration = true
  }
  assert {
    condition     = length(module.data.accelerated) == 1 && length(module.config.accelerated) == 0
    error_message = "Only the data bucket has transfer acceleration."
  }
}

run "plain" {
  command = plan

  assert {
    condition     = length(output.replicated) == 0 && length(module.data.accelerated) == 0 && length(aws_kms_key.lake) == 0
    error_message = "Everything that costs extra is off by default."
  }
}

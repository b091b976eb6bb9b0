mock_provider "aws" {
  override_data {
    target = data.aws_partition.current
    values = { partition = "aws" }
  }
}

variables {
  name = "llac-test-data-123456789012"
  rules = [
    { prefix = "landing/", noncurrent_days = 1 },
    { prefix = "staging/", standard_ia = 30, noncurrent_days = 90 },
    { prefix = "results/", expiration = 7, noncurrent_days = 1 },
  ]
}

run "private_versioned_encrypted" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "A bucket without versions loses what is overwritten."
  }
  assert {
    condition = (
      one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].sse_algorithm ==
      "AES256"
    )
    error_message = "Without a customer key, S3's own keys encrypt."
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls, aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls, aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "All four public access blocks are on."
  }
  assert {
    condition     = length(aws_s3_bucket_accelerate_configuration.this) == 0
    error_message = "Transfer acceleration is off by default."
  }
}

run "only_tls" {
  command = plan

  assert {
    condition = [for s in jsondecode(aws_s3_bucket_policy.this.policy).Statement : s.Condition if s.Effect == "Deny"] == [
      { Bool = { "aws:SecureTransport" = "false" } },
      { NumericLessThan = { "s3:TlsVersion" = "1.2" } },
    ]
    error_message = "Plain HTTP and TLS before 1.2 are refused for every principal."
  }
}

run "lifecycle" {
  command = plan

  assert {
    condition = (
      one([for r in aws_s3_bucket_lifecycle_configuration.this.rule : r if r.id ==
      "abort-multipart"]).abort_incomplete_multipart_upload[0].days_after_initiation == 1
    )
    error_message = "Incomplete uploads are aborted after a day."
  }
  assert {
    condition = (
      one([for r in aws_s3_bucket_lifecycle_configuration.this.rule : r if r.id ==
      "landing"]).noncurrent_version_expiration[0].noncurrent_days == 1
    )
    error_message = "Landing keeps no noncurrent version: one day is the minimum of S3."
  }
  assert {
    condition     = one(one([for r in aws_s3_bucket_lifecycle_configuration.this.rule : r if r.id == "staging"]).transition).days == 30
    error_message = "Staging moves to Standard-IA after 30 days."
  }
  assert {
    condition = (
      alltrue([for r in aws_s3_bucket_lifecycle_configuration.this.rule : try(r.expiration[0].expired_object_delete_marker, true)
      if r.id != "results"])
    )
    error_message = "No current object expires without a rule for it."
  }
}

run "customer_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  }
  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this.rule).bucket_key_enabled
    error_message = "A bucket key saves a call to KMS per object."
  }
}

run "a_name_without_an_account" {
  command = plan

  variables {
    name = "llac-test-data"
  }
  expect_failures = [var.name]
}

run "standard_ia_too_early" {
  command = plan

  variables {
    rules = [{ prefix = "staging/", standard_ia = 7 }]
  }
  expect_failures = [var.rules]
}

run "a_prefix_without_a_slash" {
  command = plan

  variables {
    rules = [{ prefix = "state", noncurrent_days = 7 }]
  }
  expect_failures = [var.rules]
}

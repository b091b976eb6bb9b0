# The apply to moto creates every role, and the trigger of the marts.
github_repository   = "llac-project/llac"
operator_principals = ["arn:aws:iam::123456789012:user/operator"]
archive_principals  = ["arn:aws:iam::123456789012:user/archivist"]
reader_account_ids  = ["210987654321"]

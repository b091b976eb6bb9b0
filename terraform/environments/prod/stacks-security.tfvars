# github_repository   = "owner/llac"
# operator_principals = ["arn:aws:iam::<account>:user/<name>"]

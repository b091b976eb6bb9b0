# github_repository = "owner/llac" # then put its token into the connection: docs/deploying.md

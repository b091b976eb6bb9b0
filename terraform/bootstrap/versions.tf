terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # This root creates the bucket: terraform/tf keeps the first state locally and then moves it there.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}
